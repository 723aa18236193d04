// `npm start`: builds if need be, then opens the shop, all in one process, so that a signal reaches
// the shop itself.
// @ts-check
process.setSourceMapsEnabled(true);
await import('./build.js');
if (process.exitCode) process.exit();
// @ts-ignore: it exists only now
await import('../dist/sample/main.js');
