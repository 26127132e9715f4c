/** The tree that a traced translation leaves behind, and its text. C counterpart: struct oftrace_node. */

export type TraceKind = 'bridge' | 'table' | 'thaw' | 'bucket' | 'action' | 'detail' | 'warn' | 'error';

export interface TraceNode {
  readonly kind: TraceKind;
  readonly text: string;
  readonly subs: TraceNode[];
}

/** Appends a node to `list`. */
export function addTraceNode(list: TraceNode[], kind: TraceKind, text: string): TraceNode {
  const node: TraceNode = { kind, text, subs: [] };
  list.push(node);
  return node;
}

const isTerminal = (kind: TraceKind): boolean => kind !== 'bridge' && kind !== 'table' && kind !== 'thaw';

/** The nodes as `ofproto/trace` prints them: the last non-terminal of a list is not indented, so that a long
 * chain of resubmits does not run off the right edge. */
export function formatTrace(nodes: readonly TraceNode[], level = 0): string {
  let out = '';
  nodes.forEach((node, i) => {
    const more = i < nodes.length - 1 || isTerminal(node.kind) ? 1 : 0;
    const indent = ' '.repeat((level + more) * 4);
    switch (node.kind) {
      case 'detail':
        out += `${indent} -> ${node.text}\n`;
        break;
      case 'warn':
        out += `${indent} >> ${node.text}\n`;
        break;
      case 'error':
        out += `${indent} >>>> ${node.text} <<<<\n`;
        break;
      case 'bridge':
        out += `\n${indent}${node.text}\n${indent}${'-'.repeat(node.text.length)}\n`;
        break;
      default:
        out += `${indent}${node.text}\n`;
    }
    out += formatTrace(node.subs, level + more + more);
  });
  return out;
}
