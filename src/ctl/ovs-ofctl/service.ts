/** What `monitor` and `snoop` need of the process, which they turn into a small daemon. */
import type { UnixctlCommands } from '../../base/unixctl.ts';

export interface Service {
  /** The control socket's commands. */
  readonly commands: UnixctlCommands;
  /** The switch is connected: lets a shell that waits for `--detach` go on. */
  ready(): void;
  /** Sends what is printed on standard error to a file instead. @throws SystemError */
  redirectErrors(file: string): void;
}
