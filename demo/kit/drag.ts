/** Tell, in shares of an element's width and height, where the pressed pointer is on it, from down to up. */
export function onDrag(target: HTMLElement, moved: (x: number, y: number) => void): void {
  let pressed: number | null = null;
  const tell = ({ clientX, clientY }: PointerEvent) => {
    const { left, top, width, height } = target.getBoundingClientRect();
    moved((clientX - left) / width, (clientY - top) / height);
  };
  target.addEventListener('pointerdown', (event) => {
    pressed = event.pointerId;
    target.setPointerCapture(event.pointerId);
    tell(event);
  });
  target.addEventListener('pointermove', (event) => {
    if (event.pointerId === pressed) tell(event);
  });
  for (const type of ['pointerup', 'pointercancel'] as const)
    target.addEventListener(type, () => (pressed = null));
}
