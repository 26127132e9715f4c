/** What a method of the protocol is given, and what it may answer besides JSON and an OvsdbError. */
import type { JsonRpcMessage } from '../../jsonrpc/jsonrpc.ts';

export type JsonRpcRequest = Extract<JsonRpcMessage, { type: 'request' }>;

/** A method's error reply that is no <error> object. */
export class MethodError extends Error {}

/** A method's reply that is text already. */
export class JsonText {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}
