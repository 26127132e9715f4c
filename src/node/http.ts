/** HTTP requests, by node:http and node:https, which are loaded at the first request: few programs need them. */
import type { Agent, ClientRequest, RequestOptions } from 'node:http';
import type { Http, HttpEvents } from '../base/host.ts';

interface Transport {
  readonly request: (url: string, options: RequestOptions) => ClientRequest;
  readonly agent: Agent;
}

export class NodeHttp implements Http {
  readonly #transports = new Map<string, Promise<Transport>>();

  #transport(url: string): Promise<Transport> {
    const scheme = url.startsWith('https:') ? 'https' : 'http';
    let transport = this.#transports.get(scheme);
    if (!transport) {
      transport = load(scheme);
      this.#transports.set(scheme, transport);
    }
    return transport;
  }

  post(url: string, json: string, events: HttpEvents): () => void {
    let request: ClientRequest | undefined;
    let over = false;
    void this.#transport(url).then((transport) => {
      if (over) return;
      request = transport.request(url, {
        method: 'POST',
        agent: transport.agent,
        headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(json) },
      });
      // Only where no connection came about is it certain that nothing was sent.
      let sent = false;
      const failed = (error: Error): void => {
        if (over) return;
        over = true;
        events.failed(error, sent);
      };
      request.on('socket', (socket) => {
        sent = !socket.connecting;
        if (sent) return;
        socket.once('connect', () => {
          sent = true;
        });
      });
      request.on('error', failed);
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
    });
    return () => {
      over = true;
      request?.destroy();
    };
  }
}

async function load(scheme: 'http' | 'https'): Promise<Transport> {
  const { Agent, request } = scheme === 'http' ? await import('node:http') : await import('node:https');
  return { request, agent: new Agent({ keepAlive: true }) };
}
