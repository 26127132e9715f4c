/** What the tools do with their TLS options and with connection targets. */
import type { ParsedOption } from '../base/getopt.ts';
import type { Streams } from '../base/host.ts';
import { tlsSettings } from '../base/tls-options.ts';

/** Puts the TLS options of a tool in force. */
export const applyTlsOptions = (streams: Streams, options: readonly ParsedOption<string>[]): void =>
  streams.configureTls(tlsSettings(options));

/** Whether a connection target names a known method: active, passive or either. */
export const isTarget = (target: string): boolean => /^p?(tcp|ssl|unix):/.test(target);
