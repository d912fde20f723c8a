// The page of `npm run examples`: choose a family, run it here, read its log and see what it saves.
import { FAMILIES, runFamily } from './families.ts';

const form = document.querySelector('form')!;
const family = form.querySelector('select')!;
const button = form.querySelector('button')!;
const source = document.querySelector<HTMLAnchorElement>('#source')!;
const output = document.querySelector('pre')!;
const saved = document.querySelector('#saved')!;

family.append(...FAMILIES.map((name) => new Option(name)));
const asked = location.hash.slice(1);
if (FAMILIES.includes(asked)) family.value = asked;

function showSource(): void {
  source.href = `${family.value}.ts?raw`;
  location.hash = family.value;
}
family.addEventListener('change', showSource);
showSource();

const log = (line: string) => output.append(`${line}\n`);

async function save(name: string, content: Uint8Array | string): Promise<void> {
  const type = name.endsWith('.png') ? 'image/png' : 'text/plain;charset=utf-8';
  const url = URL.createObjectURL(new Blob([content as BlobPart], { type }));
  if (type === 'image/png') {
    const image = Object.assign(new Image(), { src: url, alt: name });
    saved.append(image);
    await image.decode();
  } else
    saved.append(
      Object.assign(document.createElement('a'), { href: url, download: name, textContent: name }),
    );
}

async function run(): Promise<void> {
  output.replaceChildren();
  saved.replaceChildren();
  const fields = new FormData(form);
  const short = fields.has('short');
  const options = { backend: 'webgpu', seed: Number(fields.get('seed')), short, log, save } as const;
  const { adapter, claims, figures, seconds } = await runFamily(family.value, options);
  for (const { holds, text } of claims) log(`${holds ? 'holds' : 'FAILS'}: ${text}`);
  log(`${JSON.stringify(figures)} after ${seconds.toFixed(1)} s on ${adapter}`);
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  button.disabled = true;
  run()
    .catch((error: unknown) => log(`error: ${String(error)}`))
    .finally(() => (button.disabled = false));
});
