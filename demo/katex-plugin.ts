// Sets the equations of the cards when the page is built, so that KaTeX itself need not be loaded: tex`…` becomes its HTML.
import katex from 'katex';
import type { Plugin } from 'vite';

const CARD = /\/demo\/cards\/[\w-]+\/card\.ts$/;
const TEX = /\btex`([^`]*)`/g;

export function equations(): Plugin {
  return {
    name: 'equations',
    enforce: 'pre',
    transform: {
      filter: { id: CARD },
      handler(code) {
        const typeset = (_: string, tex: string) =>
          JSON.stringify(katex.renderToString(tex, { displayMode: true, throwOnError: true }));
        return { code: code.replace(TEX, typeset), map: null };
      },
    },
  };
}
