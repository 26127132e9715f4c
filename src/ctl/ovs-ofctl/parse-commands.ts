/** Commands that only tests use: they parse text and bytes, and print what became of them. */
import { ByteReader, ByteWriter } from '../../base/bytes.ts';
import { atoi } from '../../base/parse.ts';
import { vlog } from '../../base/vlog.ts';
import { KeyValueScanner } from '../../flow/key-value.ts';
import { catchAllMatch, F, type Match, VLAN_CFI, VLAN_VID_MASK } from '../../flow/layout.ts';
import { entriesFromText, entriesToText } from '../../flow/match/entry-text.ts';
import { MatchError } from '../../flow/match/error.ts';
import { DEFAULT_PRIORITY, formatMatch } from '../../flow/match/format.ts';
import { normalizeMatch } from '../../flow/match/normalize.ts';
import {
  type DecodedMatch,
  decodeNxMatch,
  decodeOxmMatch,
  encodeNxMatch,
  encodeOxmMatch,
  OFPMT_OXM,
} from '../../flow/match/nxm.ts';
import { decodeOf10Match, encodeOf10Match, OF10_MATCH_BYTES, OFPFW10 } from '../../flow/match/of10.ts';
import {
  decodeOf11Match,
  decodeStandardMatch,
  encodeOf11Match,
  OF11_MATCH_BYTES,
} from '../../flow/match/of11.ts';
import { OFPP } from '../../flow/ports.ts';
import { FlowTextError } from '../../flow/text.ts';
import type { OfpAct } from '../../openflow/actions/action.ts';
import { checkActionsConsistency } from '../../openflow/actions/check.ts';
import { decodeActions } from '../../openflow/actions/decode.ts';
import { encodeActions } from '../../openflow/actions/encode.ts';
import { formatActions } from '../../openflow/actions/format.ts';
import { OfpError } from '../../openflow/errors.ts';
import { decodeInstructions, encodeInstructions } from '../../openflow/instructions.ts';
import { asOfpError } from '../../openflow/messages/decode.ts';
import { encodeMessage } from '../../openflow/messages/encode.ts';
import { significantLines } from '../../openflow/parse/common.ts';
import { parseFlow } from '../../openflow/parse/flow-mod.ts';
import { parseGroupMod } from '../../openflow/parse/group-mod.ts';
import {
  OFP11,
  OFP12,
  type Protocol,
  type Protocols,
  parseVersion,
  protocolName,
  protocolsToString,
  protocolVersion,
  versionName,
  versionProtocols,
} from '../../openflow/version.ts';
import { ToolError } from '../tool.ts';
import { type OfctlCommand, writes } from './command.ts';
import { chooseProtocol } from './flow-format.ts';
import { FlowModMessages } from './flow-mod-messages.ts';
import { differences, hexBytes, hexLines, inputLines } from './input.ts';
import type { Ofctl } from './ofctl.ts';

const lowest = (protocols: Protocols): Protocol => protocols & -protocols;

/** Characters that go out at once. */
const OUTPUT_PIECE = 64 * 1024;

function printFlowMods(ofctl: Ofctl, flowMods: FlowModMessages): void {
  const { protocols } = flowMods;
  ofctl.print(`usable protocols: ${protocolsToString(protocols)}`);
  const protocol = chooseProtocol(ofctl.settings, protocols);
  ofctl.print(`chosen protocol: ${protocolName(protocol)}`);
  let text = '';
  for (const message of flowMods.encoded(protocol, ofctl.xids)) {
    text += ofctl.format(message, 0);
    if (text.length < OUTPUT_PIECE) continue;
    ofctl.io.out(text);
    text = '';
  }
  ofctl.io.out(text);
}

const parseFlowCommand = writes('parse-flow', undefined, [1, 1], async (ofctl, [text]) => {
  printFlowMods(
    ofctl,
    ofctl.parseAlone(() => FlowModMessages.parse(text!, 'add', {})),
  );
});

const parseFlowsCommand = writes('parse-flows', undefined, [1, 1], async (ofctl, [file]) => {
  const text = ofctl.readText(file!);
  printFlowMods(
    ofctl,
    ofctl.parseAlone(() =>
      FlowModMessages.parseFile(file!, text, 'add', {}, (usable) =>
        lowest(usable & ofctl.settings.protocols),
      ),
    ),
  );
});

const parseGroupCommand = writes('parse-group', undefined, [1, 1], async (ofctl, [text]) => {
  const { value, protocols } = ofctl.parseAlone(() => parseGroupMod(text!, 'add'));
  ofctl.print(`usable protocols: ${protocolsToString(protocols)}`);
  const version = protocolVersion(chooseProtocol(ofctl.settings, protocols));
  ofctl.print(`chosen version: ${versionName(version)}`);
  const [bytes] = encodeMessage({ kind: 'group_mod', ...value, version, xid: ofctl.xids.next() });
  ofctl.io.out(ofctl.format(bytes!, 0));
});

const log = vlog('ofp_actions');

/** Bytes that `write` writes. */
function written(write: (w: ByteWriter) => void): Uint8Array {
  const w = new ByteWriter();
  write(w);
  return w.finish();
}

/** What a decoder finds, or the error that it throws. */
function attempt<T>(run: () => T): { value: T } | { error: string } {
  try {
    return { value: run() };
  } catch (error) {
    return { error: error instanceof MatchError ? error.name : asOfpError(error).code };
  }
}

const isBlank = (line: string): boolean => /^[ \t]*$/.test(line);

/** parse-nxm and parse-oxm: entries to a match and back. `version` 0 is NXM. */
async function parseEntries(ofctl: Ofctl, version: number): Promise<void> {
  const { strict, verbosity } = ofctl.settings;
  for (const raw of inputLines(ofctl.io.readStdin())) {
    if (raw.startsWith('#')) {
      ofctl.print(raw);
      continue;
    }
    const comment = raw.indexOf('#');
    const line = comment < 0 ? raw : raw.slice(0, comment);
    if (isBlank(line)) {
      ofctl.print('');
      continue;
    }
    let entries: Uint8Array;
    try {
      entries = entriesFromText(line);
    } catch (error) {
      throw error instanceof FlowTextError ? new ToolError(error.message) : error;
    }
    const isOxm = version !== 0;
    const input = written((w) => {
      if (isOxm) w.u16(OFPMT_OXM).u16(entries.length + 4);
      w.put(entries).align(8);
    });
    const options = { loose: !strict };
    const result = attempt<DecodedMatch>(() =>
      isOxm
        ? { match: decodeOxmMatch(new ByteReader(input), options), cookie: 0n, cookieMask: 0n }
        : decodeNxMatch(new ByteReader(input), entries.length, { ...options, allowCookie: true }),
    );
    if ('error' in result) {
      ofctl.print(`nx_pull_match() returned error ${result.error}`);
      continue;
    }
    const { match, cookie, cookieMask } = result.value;
    let length = 0;
    const output = written((w) => {
      length = isOxm ? encodeOxmMatch(w, match, version) : encodeNxMatch(w, match, cookie, cookieMask);
    });
    ofctl.print(entriesToText(output.subarray(isOxm ? 4 : 0, length)));
    if (verbosity > 0) ofctl.io.out(hexLines(output));
  }
}

const parseOxm = writes('parse-oxm', undefined, [1, 1], async (ofctl, [text]) => {
  const version = parseVersion(text!) ?? 0;
  if (version < OFP12) throw new ToolError(`${text}: not a valid version for OXM`);
  await parseEntries(ofctl, version);
});

const MAX_TABLES = 255;

/** parse-actions and parse-instructions: bytes to actions, their text, and back. */
async function parseActionBytes(
  ofctl: Ofctl,
  versionText: string,
  what: 'actions' | 'instructions',
): Promise<void> {
  const version = parseVersion(versionText);
  if (version === undefined) throw new ToolError(`${versionText}: not a valid OpenFlow version`);
  const instructions = what === 'instructions';
  for (const { text } of significantLines(new TextDecoder().decode(ofctl.io.readStdin()))) {
    const comma = text.indexOf(',');
    const tableId = comma < 0 ? 0 : atoi(text.slice(0, comma));
    const input = hexBytes(text.slice(comma + 1));
    const result = attempt<readonly OfpAct[]>(() => {
      if (input.length === 0) {
        const isOf11 = instructions && version >= OFP11;
        log.warn(
          `OpenFlow message ${isOf11 ? 'instructions' : 'actions'} length 0 exceeds remaining message length (0)`,
        );
        throw new OfpError(isOf11 ? 'OFPBIC_BAD_LEN' : 'OFPBRC_BAD_LEN');
      }
      const r = new ByteReader(input);
      if (!instructions) return decodeActions(r, input.length, version);
      const actions = decodeInstructions(r, input.length, version);
      const checks = { maxPorts: OFPP.MAX, tableId, nTables: MAX_TABLES };
      checkActionsConsistency(actions, catchAllMatch(), versionProtocols(version), checks);
      return actions;
    });
    if ('error' in result) {
      ofctl.print(`bad ${versionText} ${what}: ${result.error}\n`);
      continue;
    }
    const actions = result.value;
    ofctl.print(`actions=${formatActions(actions)}`);
    const encode = instructions ? encodeInstructions : encodeActions;
    const output = written((w) => encode(w, actions, version));
    ofctl.print(differences('', input, output));
  }
}

function sized(bytes: Uint8Array, length: number): Uint8Array {
  if (bytes.length !== length) throw new ToolError(`Input is ${bytes.length} bytes, expected ${length}`);
  return bytes;
}

/** Input in which an 'x' stands for a digit that must not matter. */
const parseOf10Match = writes('parse-ofp10-match', undefined, [0, 0], async (ofctl) => {
  const { random } = ofctl.io.host;
  for (const { text } of significantLines(new TextDecoder().decode(ofctl.io.readStdin()))) {
    const expected = sized(hexBytes(text.replaceAll('x', '0')), OF10_MATCH_BYTES);
    const input = hexBytes(text.replaceAll('x', () => (random.u32() & 15).toString(16)));
    const match = decodeOf10Match(new ByteReader(input));
    const encoded = written((w) => encodeOf10Match(w, match));
    normalizeMatch(match);
    const normal = written((w) => encodeOf10Match(w, match));
    ofctl.print(
      `${formatMatch(decodeOf10Match(new ByteReader(input)))}\n` +
        differences('', expected, encoded) +
        differences('normal: ', encoded, normal),
    );
  }
});

const parseOf11Match = writes('parse-ofp11-match', undefined, [0, 0], async (ofctl) => {
  for (const { text } of significantLines(new TextDecoder().decode(ofctl.io.readStdin()))) {
    const input = sized(hexBytes(text), OF11_MATCH_BYTES);
    const result = attempt(() => decodeStandardMatch(new ByteReader(input)));
    if ('error' in result) {
      ofctl.print(`bad ofp11_match: ${result.error}\n`);
      continue;
    }
    const output = written((w) => encodeOf11Match(w, result.value, OFP11));
    ofctl.print(`${formatMatch(result.value)}\n${differences('', input, output)}`);
  }
});

const hex4 = (n: number): string => n.toString(16).padStart(4, '0');
const tciText = ({ flow, mask }: Match): string => `${hex4(flow[F.VLAN_TCI0]!)}/${hex4(mask[F.VLAN_TCI0]!)}`;
/** Bits of the VLAN fields in ofp10_match and ofp11_match, and where the fields are. */
const OF11_VLAN = { vid: 36, pcp: 38, noVid: 1 << 1, noPcp: 1 << 2, wildcards: 8 } as const;
const OF10_VLAN = {
  vid: 18,
  pcp: 20,
  noVid: OFPFW10.DL_VLAN,
  noPcp: OFPFW10.DL_VLAN_PCP,
  wildcards: 0,
} as const;

const checkVlan = writes('check-vlan', undefined, [2, 2], async (ofctl, [value, mask]) => {
  const match = catchAllMatch();
  match.flow[F.VLAN_TCI0] = Number.parseInt(value!, 16) & 0xffff;
  match.mask[F.VLAN_TCI0] = Number.parseInt(mask!, 16) & 0xffff;

  const text = formatMatch(match, DEFAULT_PRIORITY);
  const parsed = ofctl.parseAlone(() => parseFlow(text, 'delete')).value.match;
  ofctl.print(`${text} -> ${tciText(parsed)}`);

  let length = 0;
  const nxm = written((w) => {
    length = encodeNxMatch(w, match);
  });
  const fromNxm = attempt(() => decodeNxMatch(new ByteReader(nxm), length).match);
  ofctl.print(
    `NXM: ${entriesToText(nxm.subarray(0, length))} -> ${'error' in fromNxm ? fromNxm.error : tciText(fromNxm.value)}`,
  );

  const oxm = written((w) => {
    length = encodeOxmMatch(w, match, OFP12);
  });
  const fromOxm = attempt(() => decodeOxmMatch(new ByteReader(oxm)));
  const oxmText = entriesToText(oxm.subarray(4, length));
  if ('error' in fromOxm) ofctl.print(`OXM: ${oxmText} -> ${fromOxm.error}`);
  else {
    const { flow, mask: wild } = fromOxm.value;
    const vid = flow[F.VLAN_TCI0]! & (VLAN_VID_MASK | VLAN_CFI);
    const vidMask = wild[F.VLAN_TCI0]! & (VLAN_VID_MASK | VLAN_CFI);
    const hasPcp = vid !== 0 && wild[F.VLAN_TCI0]! >> 13 !== 0;
    const pcp = hasPcp ? String(flow[F.VLAN_TCI0]! >> 13).padStart(2, '0') : '--';
    ofctl.print(`OXM: ${oxmText} -> ${hex4(vid)}/${hex4(vidMask)},${pcp}`);
  }

  const of10 = written((w) => encodeOf10Match(w, match));
  ofctl.print(`OF1.0: ${vlanText(of10, OF10_VLAN)} -> ${tciText(decodeOf10Match(new ByteReader(of10)))}`);
  const of11 = written((w) => encodeOf11Match(w, match, OFP11));
  ofctl.print(`OF1.1: ${vlanText(of11, OF11_VLAN)} -> ${tciText(decodeOf11Match(new ByteReader(of11)))}`);
});

/** The VLAN fields of an old match structure, each with whether it is ignored. */
function vlanText(b: Uint8Array, at: typeof OF10_VLAN | typeof OF11_VLAN): string {
  const view = new DataView(b.buffer, b.byteOffset, b.byteLength);
  const wildcards = view.getUint32(at.wildcards);
  const ignored = (bit: number): string => (wildcards & bit ? '1' : '0');
  const pcp = b[at.pcp]!.toString(16).padStart(2, '0');
  return `${hex4(view.getUint16(at.vid))}/${ignored(at.noVid)},${pcp}/${ignored(at.noPcp)}`;
}

const parseKeyValue = writes(
  'parse-key-value',
  undefined,
  [1, Number.POSITIVE_INFINITY],
  async (ofctl, texts) => {
    for (const text of texts) {
      const pairs: string[] = [];
      for (const kv = new KeyValueScanner(text); kv.next(); )
        pairs.push(kv.value === '' ? kv.key : `${kv.key}=${kv.value}`);
      ofctl.print(pairs.join(', '));
    }
  },
);

export const PARSE_COMMANDS: readonly OfctlCommand[] = [
  parseFlowCommand,
  parseFlowsCommand,
  parseGroupCommand,
  writes('parse-nx-match', undefined, [0, 0], (ofctl) => parseEntries(ofctl, 0)),
  writes('parse-nxm', undefined, [0, 0], (ofctl) => parseEntries(ofctl, 0)),
  parseOxm,
  writes('parse-actions', undefined, [1, 1], (ofctl, [version]) =>
    parseActionBytes(ofctl, version!, 'actions'),
  ),
  writes('parse-instructions', undefined, [1, 1], (ofctl, [version]) =>
    parseActionBytes(ofctl, version!, 'instructions'),
  ),
  parseOf10Match,
  parseOf11Match,
  checkVlan,
  parseKeyValue,
];
