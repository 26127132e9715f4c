/** dpctl: lists of datapath actions as text, and what they do to each form of a packet. Tests compare them so. */
import { SystemError } from '../../base/host.ts';
import { F, type Flow, newFlow } from '../../flow/layout.ts';
import type { OdpAction } from '../../odp/action.ts';
import { formatOdpActions } from '../../odp/action-format.ts';
import { parseOdpActions } from '../../odp/action-parse.ts';
import { formatOdpFlow } from '../../odp/key-format.ts';
import { parseOdpFlow } from '../../odp/key-parse.ts';
import { OdpTextError } from '../../odp/scanner.ts';
import { type DpctlCommand, fail } from './dpctl-arguments.ts';
import { ETH_TYPE, isEthTypeMpls, popVlan, pushVlan } from './xlate/flow-edit.ts';

const invalid = new SystemError('EINVAL');

function actionsOf(text: string, portNumber?: (name: string) => number | undefined): OdpAction[] {
  try {
    return parseOdpActions(text, portNumber);
  } catch (error) {
    if (!(error instanceof OdpTextError)) throw error;
    return fail('odp_actions_from_string', invalid);
  }
}

export const parseActionsCommand: DpctlCommand = (_world, args) =>
  args.map((text) => `${formatOdpActions(actionsOf(text))}\n`).join('');

/** What is done to a packet while its headers are as in `flow`. */
interface Stage {
  readonly flow: Flow;
  readonly actions: OdpAction[];
}

const VLAN_WORDS = [F.VLAN_TPID0, F.VLAN_TCI0, F.VLAN_TPID1, F.VLAN_TCI1];

function compareVlans(a: Stage, b: Stage): number {
  for (const word of VLAN_WORDS) if (a.flow[word] !== b.flow[word]) return a.flow[word]! - b.flow[word]!;
  return 0;
}

/** Puts outputs that follow each other into the order of their ports. */
function sortOutputs(actions: OdpAction[]): void {
  for (let start = 0; start < actions.length; start++) {
    let end = start;
    while (actions[end]?.kind === 'output') end++;
    const run = actions.slice(start, end) as Extract<OdpAction, { kind: 'output' }>[];
    run.sort((a, b) => a.port - b.port);
    actions.splice(start, run.length, ...run);
    start = end;
  }
}

/** The actions by the VLAN tags that the packet has then: a change of tags ends a stage, the same tags continue it. */
function stagesOf(packet: Flow, actions: readonly OdpAction[]): Stage[] {
  const flow = packet.slice();
  const wildcards = newFlow();
  const stages: Stage[] = [];
  for (const action of actions) {
    if (action.kind === 'pop_vlan') popVlan(flow, wildcards);
    else if (action.kind === 'push_vlan') pushVlan(flow, wildcards, action.tpid, action.tci);
    else {
      const now: Stage = { flow: flow.slice(), actions: [] };
      let stage = stages.find((other) => compareVlans(other, now) === 0);
      if (!stage) stages.push((stage = now));
      stage.actions.push(action);
    }
  }
  stages.sort(compareVlans);
  for (const stage of stages) sortOutputs(stage.actions);
  return stages;
}

const swap16 = (v: number): number => ((v & 0xff) << 8) | (v >>> 8);

function headersText({ flow }: Stage): string {
  let text = '';
  for (let i = 0; i < 2; i++) {
    const tci = flow[F.VLAN_TCI0 + 2 * i]!;
    if (tci === 0) {
      if (i === 0) text += 'no vlan: ';
      break;
    }
    const tpid = flow[F.VLAN_TPID0 + 2 * i]!;
    // The C tool prints it as it lies in memory.
    const type = tpid === ETH_TYPE.VLAN ? '' : `tpid=0x${swap16(tpid).toString(16).padStart(4, '0')},`;
    text += `vlan(${type}vid=${tci & 0xfff},pcp=${tci >>> 13}): `;
  }
  if (!isEthTypeMpls(flow[F.DL_TYPE]!)) return `${text}no mpls: `;
  const lse = flow[F.MPLS_LSE0]!;
  return `${text}mpls(label=${lse >>> 12},tc=${(lse >>> 9) & 7},ttl=${lse & 0xff}): `;
}

export const normalizeActions: DpctlCommand = (_world, [keyText, actionsText, ...names], { verbose }) => {
  const numbers = new Map<string, number>();
  for (const text of names) {
    const found = /^([^=]{1,15})=\s*([+-]?\d+)/.exec(text);
    if (!found) return fail(`${text}: expected NAME=NUMBER`);
    numbers.set(found[1]!, Number(found[2]));
  }
  const portNumber = (name: string): number | undefined => numbers.get(name);
  let key: Flow;
  let text: string;
  try {
    const parsed = parseOdpFlow(keyText!, portNumber);
    key = parsed.key;
    const mask = parsed.mask.slice();
    // Ethernet goes without saying unless it was said.
    if (!keyText!.includes('packet_type(')) mask[F.PACKET_TYPE] = 0;
    text = `input flow: ${formatOdpFlow(key, mask)}\n`;
  } catch (error) {
    if (!(error instanceof OdpTextError)) throw error;
    return fail(`odp_flow_key_from_string (${error.message})`, invalid);
  }
  const actions = actionsOf(actionsText!, portNumber);
  if (verbose) text += `input actions: ${formatOdpActions(actions)}\n`;
  for (const stage of stagesOf(key, actions)) text += headersText(stage) + formatOdpActions(stage.actions);
  return text;
};
