/** What `build.mjs` uses of the packages. Copied beside them by `install`, since they resolve from there. */

export { componentize } from '@bytecodealliance/componentize-js';
export { build as esbuild } from 'esbuild';
export { parse as parseToml } from 'smol-toml';
