/** A shader file as scripts/vite-plugin-wgsl.ts hands it over: its text and the group 0 bindings it declares. */
declare module '*.wgsl' {
  const shader: {
    readonly name: string;
    readonly code: string;
    readonly bindings: readonly {
      readonly binding: number;
      readonly name: string;
      readonly kind: 'storage-read' | 'storage-read-write' | 'uniform';
      /** Names of the struct members of a uniform, in order. */
      readonly members?: readonly string[];
    }[];
  };
  export default shader;
}

/** In Node `wgsl_reflect` itself resolves to an empty module; this file of the package is the real one. */
declare module 'wgsl_reflect/wgsl_reflect.module.js' {
  export * from 'wgsl_reflect';
}

/** What op tests run on: 'cpu' in the cpu project, 'webgpu' in dawn and chromium. Defined in vite.config.ts. */
declare const __BACKEND__: 'cpu' | 'webgpu';
