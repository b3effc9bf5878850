#!/usr/bin/env node
/**
 * Builds a JavaScript (or TypeScript) plugin into a component.
 *
 *     build.mjs install --tools FOLDER
 *     build.mjs build --tools FOLDER --wit FOLDER --plugin FOLDER --out FILE
 *     build.mjs native --tools FOLDER --plugin FOLDER --order FILE
 *
 * `--tools` is where the toolchain lives (`node_modules`), `--wit` the contract: a version such as
 * `wit/v0.1.0`, or `wit`, of which the newest version with the plugin's world is taken; `--plugin`
 * is the folder with `plugin.toml` and `app.js` (or `app.ts`). The manifest is not put into the
 * component here: `phagen plugin build` does that for every language.
 *
 * `native` makes no component: it asks the plugin the golden cases of an order in this Node.js, for
 * `phagen plugin bench`.
 */

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const SDK = path.dirname(fileURLToPath(import.meta.url));

/** Where the modules that the SDK imports live: host interfaces do not change with the worlds. */
const VERSIONS = { 'phagen:plugin/': '0.1.0', 'wasi:http/': '0.2.12' };
/** The engine's own use of WASI, all of it: what a plugin may do goes through its world. */
const UNUSED_FEATURES = ['stdio', 'random', 'clocks', 'http', 'fetch-event'];

/** What went wrong, and what to do about it. */
class Refusal extends Error {
  constructor(message, help) {
    super(message);
    this.help = help;
  }
}

async function main() {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: Object.fromEntries(
      ['tools', 'wit', 'plugin', 'out', 'order'].map((name) => [name, { type: 'string' }]),
    ),
  });
  const folder = (name) => {
    if (values[name] === undefined) {
      throw new Refusal(`\`--${name}\` is missing`, 'see the head of build.mjs');
    }
    return path.resolve(values[name]);
  };
  if (positionals[0] === 'install') {
    await install(folder('tools'));
  } else if (positionals[0] === 'build') {
    await build(folder('tools'), folder('wit'), folder('plugin'), folder('out'));
  } else if (positionals[0] === 'native') {
    await native(folder('tools'), folder('plugin'), folder('order'));
  } else {
    throw new Refusal(`no chore \`${positionals[0] ?? ''}\``, 'say `install`, `build` or `native`');
  }
}

/** Fetches what the lock file names, or leaves it alone where it is there. */
async function install(tools) {
  const lock = path.join(SDK, 'package-lock.json');
  const present = path.join(tools, 'installed-lock.json');
  const isSame = existsSync(present) && (await readFile(present)).equals(await readFile(lock));
  if (isSame) {
    return;
  }
  await mkdir(tools, { recursive: true });
  await rm(present, { force: true });
  for (const name of ['package.json', 'package-lock.json', 'toolchain.mjs']) {
    await copyFile(path.join(SDK, name), path.join(tools, name));
  }
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const options = ['ci', '--ignore-scripts', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'];
  const { error, status } = spawnSync(npm, options, {
    cwd: tools,
    stdio: ['ignore', 'ignore', 'inherit'],
    shell: process.platform === 'win32',
  });
  if (error) {
    throw new Refusal('cannot run `npm`', 'install Node.js 20 or newer with npm');
  }
  if (status !== 0) {
    throw new Refusal(
      'cannot install ComponentizeJS, which builds JavaScript plugins',
      "it comes from the npm registry: check the network and npm's settings",
    );
  }
  await copyFile(lock, present);
}

async function build(tools, wit, plugin, out) {
  const started = performance.now();
  const toolchain = await toolchainIn(tools);
  const { world, ...facts } = await factsOf(toolchain, plugin);
  const version = await versionOf(wit, world);
  await inWork(async (work) => {
    const bundled = path.join(work, 'plugin.js');
    await bundle(toolchain, plugin, guestEntry(world, facts), bundled);
    const component = await componentized(toolchain, version, world, bundled);
    await mkdir(path.dirname(out), { recursive: true });
    await writeFile(out, component);
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    console.log(`built \`${facts.name}\`: ${(component.length / 1e6).toFixed(1)} MB in ${seconds} s`);
  });
}

async function native(tools, plugin, order) {
  const toolchain = await toolchainIn(tools);
  const { cases, artifact, ...limits } = JSON.parse(await readFile(order, 'utf8'));
  const given = artifact && { ...artifact, bytes: new Uint8Array(await readFile(artifact.path)) };
  await inWork(async (work) => {
    // `.mjs`, so that Node.js takes it for a module wherever it lies.
    const bundled = path.join(work, 'native.mjs');
    await bundle(toolchain, plugin, nativeEntry, bundled);
    const { run } = await import(pathToFileURL(bundled));
    // Past the plugin's own, which may print half a line.
    const tell = (line) => process.stdout.write(`\n${line}\n`);
    await run({ cases, artifact: given, ...limits }, `Node.js ${process.version}`, tell);
  });
}

async function toolchainIn(tools) {
  if (!existsSync(path.join(tools, 'installed-lock.json'))) {
    const command = `node ${fileURLToPath(import.meta.url)} install --tools ${tools}`;
    throw new Refusal(`no ComponentizeJS in \`${tools}\``, `run \`${command}\``);
  }
  return import(pathToFileURL(path.join(tools, 'toolchain.mjs')));
}

/** Does `chore` in a folder that is gone afterwards. */
async function inWork(chore) {
  const work = await mkdtemp(path.join(tmpdir(), 'phagen-js-'));
  try {
    await chore(work);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** World and facts of `plugin.toml`: what a plugin says of itself stands in one place only. */
async function factsOf({ parseToml }, plugin) {
  const manifest = path.join(plugin, 'plugin.toml');
  let facts;
  try {
    facts = parseToml(await readFile(manifest, 'utf8')).plugin;
  } catch (error) {
    throw new Refusal(`cannot read \`${manifest}\`: ${error.message}`, "see the template's plugin.toml");
  }
  if (!['source', 'mapper', 'reranker'].includes(facts?.world)) {
    const help = 'write `world = "source"`, `"mapper"` or `"reranker"` below `[plugin]`';
    throw new Refusal(`\`${manifest}\` names no world`, help);
  }
  if (!facts.name) {
    throw new Refusal(`\`${manifest}\` gives the plugin no name`, 'write `name = "my-plugin"`');
  }
  return facts;
}

/** The folder of the contract's version to build for. */
async function versionOf(wit, world) {
  const children = await readdir(wit).catch(() => []);
  const numbers = (name) => name.slice(1).split('.').map(Number);
  const isNewer = (a, b) => {
    const at = numbers(a).findIndex((number, n) => number !== numbers(b)[n]);
    return at < 0 ? 0 : numbers(b)[at] - numbers(a)[at];
  };
  const versions = children.filter((name) => /^v\d+\.\d+\.\d+$/.test(name)).sort(isNewer);
  for (const folder of [wit, ...versions.map((name) => path.join(wit, name))]) {
    const worlds = await readFile(path.join(folder, 'worlds.wit'), 'utf8').catch(() => '');
    if (worlds.includes(`world ${world} {`)) {
      return folder;
    }
  }
  const help = 'name a folder such as `wit` or `wit/v0.1.0`';
  throw new Refusal(`the contract in \`${wit}\` has no world \`${world}\``, help);
}

/** One module of the plugin, the packages it uses, and the SDK. */
async function bundle({ esbuild }, plugin, entryFor, outfile) {
  const app = ['app.js', 'app.mjs', 'app.ts'].find((name) => existsSync(path.join(plugin, name)));
  if (app === undefined) {
    throw new Refusal(`\`${plugin}\` has no \`app.js\``, "put the plugin's class into it");
  }
  try {
    await esbuild({
      stdin: { contents: entryFor(path.join(plugin, app)), resolveDir: plugin },
      bundle: true,
      outfile,
      format: 'esm',
      platform: 'neutral',
      mainFields: ['module', 'main'],
      target: 'es2022',
      charset: 'utf8',
      alias: { 'phagen-sdk': path.join(SDK, 'phagen-sdk.js') },
      plugins: [{ name: 'contract', setup: leaveToTheHost }],
      logLevel: 'error',
    });
  } catch {
    throw new Refusal(`\`${app}\` cannot be bundled`, 'mend what is shown above');
  }
}

/** What the host enters by. */
function guestEntry(world, facts) {
  const own = { source: 'search', mapper: 'mapping', reranker: 'reranking' }[world];
  const guest = path.join(SDK, 'lib', 'guest', `${world}.js`);
  return (app) => `
    import Plugin from ${JSON.stringify(app)};
    import { serve } from ${JSON.stringify(guest)};
    export const { lifecycle, ${own} } = serve(Plugin, ${JSON.stringify(facts)});
  `;
}

/** What `native` enters by. */
function nativeEntry(app) {
  return `
    import Plugin from ${JSON.stringify(app)};
    import { bench } from ${JSON.stringify(path.join(SDK, 'lib', 'native', 'index.js'))};
    export const run = (order, runtime, tell) => bench(Plugin, order, runtime, tell);
  `;
}

/** Imports of the contract stay imports, with their version. */
function leaveToTheHost(bundling) {
  for (const [prefix, version] of Object.entries(VERSIONS)) {
    const filter = new RegExp(`^${prefix}[a-z-]+$`);
    bundling.onResolve({ filter }, ({ path }) => ({ path: `${path}@${version}`, external: true }));
  }
}

async function componentized({ componentize }, wit, world, source) {
  try {
    const { component } = await componentize({
      sourcePath: source,
      witPath: wit,
      worldName: world,
      disableFeatures: UNUSED_FEATURES,
    });
    return component;
  } catch (error) {
    const help = 'the top level of app.js runs at build time, without files, network and timers';
    throw new Refusal(`ComponentizeJS refused the plugin:\n${error.message}`, help);
  }
}

try {
  await main();
} catch (error) {
  const shown = error instanceof Refusal ? error.message : error.stack;
  const help = error instanceof Refusal ? error.help : 'this is a fault of build.mjs; report it';
  console.error(`error: ${shown}\nhelp: ${help}`);
  process.exitCode = 1;
}
