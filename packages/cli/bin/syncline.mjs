#!/usr/bin/env -S node --disable-warning=ExperimentalWarning
/**
 * Starts the command where the shell stands, or says in one line that this Node is too old for it. Plain JavaScript, so that an
 * old Node can read it; all else is in src/main.ts.
 */
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  process.stderr.write(
    `syncline: It needs Node 22.18 or newer, and this is ${process.version}. In a clone, after npm start, there is one: PATH=$(dirname "$PWD"/.toolchain/*/node_modules/*/bin/node):$PATH\n`,
  );
  process.exit(1);
}
// npx changes to the folder of the workspace; paths are meant from where the command was typed.
const { npm_command: command, INIT_CWD: here } = process.env;
if (command === 'exec' && here) process.chdir(here);
await import('../src/main.ts');
