/**
 * HTTP requests, by node:http and node:https, which are loaded at the first request: few programs need them.
 *
 * 'https:' takes key, certificate and authority from the settings of TLS that 'ssl:' connections have, and compares the server's name with its
 * certificate; without settings it trusts the authorities that Node does.
 */
import type { Agent, ClientRequest } from 'node:http';
import type { RequestOptions } from 'node:https';
import type { Http, HttpEvents } from '../base/host.ts';
import type { TlsParameters } from './streams/tls-context.ts';

interface Transport {
  readonly request: (url: string, options: RequestOptions) => ClientRequest;
  readonly agent: Agent;
}

export class NodeHttp implements Http {
  readonly #transports = new Map<string, Promise<Transport>>();
  readonly #tls: () => Promise<TlsParameters | undefined>;

  /** @param tls undefined if nothing is configured @throws SystemError ENOPROTOOPT if not enough is */
  constructor(tls: () => Promise<TlsParameters | undefined>) {
    this.#tls = tls;
  }

  #transport(scheme: 'http' | 'https'): Promise<Transport> {
    let transport = this.#transports.get(scheme);
    if (!transport) {
      transport = load(scheme);
      this.#transports.set(scheme, transport);
    }
    return transport;
  }

  async #start(url: string, options: RequestOptions): Promise<ClientRequest> {
    const scheme = url.startsWith('https:') ? 'https' : 'http';
    const { request, agent } = await this.#transport(scheme);
    const tls = scheme === 'https' ? await this.#tls() : undefined;
    const secure = tls && { ...tls.secure, rejectUnauthorized: tls.verifies };
    return request(url, { ...options, ...secure, agent });
  }

  post(url: string, json: string, events: HttpEvents): () => void {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(json) };
    let request: ClientRequest | undefined;
    let over = false;
    // Only where no connection came about is it certain that nothing was sent.
    let sent = false;
    const failed = (error: Error): void => {
      if (over) return;
      over = true;
      events.failed(error, sent);
    };
    void this.#start(url, { method: 'POST', headers }).then((started) => {
      request = started;
      request.on('error', failed);
      if (over) {
        request.destroy();
        return;
      }
      request.on('socket', (socket) => {
        sent = !socket.connecting;
        if (!sent)
          socket.once('connect', () => {
            sent = true;
          });
      });
      request.on('response', (response) => {
        const status = response.statusCode ?? 0;
        response.setEncoding('utf8');
        response.on('data', (text: string) => over || events.data(status, text));
        response.on('end', () => {
          if (over) return;
          over = true;
          events.end(status);
        });
        response.on('error', failed);
        response.on('close', () => failed(new Error('connection closed')));
      });
      request.end(json);
    }, failed);
    return () => {
      over = true;
      request?.destroy();
    };
  }
}

async function load(scheme: 'http' | 'https'): Promise<Transport> {
  if (scheme === 'http') {
    const { Agent, request } = await import('node:http');
    return { request, agent: new Agent({ keepAlive: true }) };
  }
  const { Agent, request } = await import('node:https');
  return { request, agent: new Agent({ keepAlive: true }) };
}
