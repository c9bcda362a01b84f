/**
 * Waits until one program asks to connect, allows that for this session, and ends.
 *
 *     sudo node client-example.js /usr/bin/curl [/run/desktopfw/fwdaemon.sock]
 */
import { connect, DEFAULT_SOCKET, type Event } from "desktopfw/client";

const [program, socket = DEFAULT_SOCKET] = process.argv.slice(2);
if (program === undefined) {
  console.error("usage: client-example PROGRAM [SOCKET]");
  process.exit(2);
}
const client = connect({ socket });

try {
  const { version, rules } = await client.status.get.query();
  console.log(`fwdaemon ${version}: ${rules.permanent} permanent rules, ${rules.session} of this session`);
  for (const { id, action, direction, app } of await client.rules.list.query()) {
    console.log(`rule ${id}: ${action} ${direction} ${app}`);
  }

  const id = await questionOf(program);
  const { released, rule } = await client.queries.answer.mutate({ id, action: "ACCEPT", scope: "host" });
  console.log(`allowed: rule ${rule?.id} to ${rule?.destination.host}, ${released} packets released`);
} catch (error) {
  console.error(`client-example: ${(error as Error).message}`);
  process.exitCode = 1;
} finally {
  await client.close();
}

/** The number of the program's next question. While this waits, the daemon parks packets instead of deciding alone. */
function questionOf(path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const subscription = client.queries.watch.subscribe(undefined, {
      onStarted: () => console.log(`waiting for ${path}`),
      onData(event: Event) {
        if (event.type !== "query-opened") return;
        const { id, app, destination } = event.query;
        console.log(`query ${id}: ${app.path} wants to reach ${destination.ip} port ${destination.port}`);
        if (app.path !== path) return;
        subscription.unsubscribe();
        resolve(id);
      },
      onError: reject,
    });
  });
}
