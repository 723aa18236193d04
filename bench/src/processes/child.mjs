// What a contender runs in. It is told what to do by messages, see contender-process.mjs.
import { Tasks } from './tasks.mjs';

/** @type {Tasks | undefined} */
let tasks;

process.on('message', async ({ id, task, args }) => {
  try {
    if (task === 'create') {
      const { default: Adapter } = await import(`../adapters/${args.adapter}.mjs`);
      tasks = new Tasks(await Adapter.create(args.options), args.options, (progress) => process.send?.({ progress }));
      process.send?.({ id, result: tasks.about });
    } else if (task === 'close') {
      await tasks?.close();
      process.send?.({ id }, () => process.exit());
    } else {
      process.send?.({ id, result: await tasks[task](args) });
    }
  } catch (error) {
    process.send?.({ id, error: String(error?.stack ?? error) });
  }
});
process.on('disconnect', () => process.exit(1));
