/** No text makes a parser of flows, actions, groups, meters or datapath keys do anything but read or refuse it. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ParseError } from '../../src/base/parse.ts';
import { formatMatch } from '../../src/flow/match/format.ts';
import { parseExactFlow, parseMatch } from '../../src/flow/match/parse.ts';
import { SubfieldError } from '../../src/flow/subfield.ts';
import { FlowTextError } from '../../src/flow/text.ts';
import { formatOdpActions } from '../../src/odp/action-format.ts';
import { parseOdpActions } from '../../src/odp/action-parse.ts';
import { formatOdpFlow } from '../../src/odp/key-format.ts';
import { parseOdpFlow } from '../../src/odp/key-parse.ts';
import { OdpTextError } from '../../src/odp/scanner.ts';
import { formatActions } from '../../src/openflow/actions/format.ts';
import { parseActions, parseInstructions } from '../../src/openflow/actions/parse.ts';
import { OfpError } from '../../src/openflow/errors.ts';
import { parseBundleFile } from '../../src/openflow/parse/bundle.ts';
import { parseCtMatch } from '../../src/openflow/parse/ct-match.ts';
import { parseFlow, parseFlowStatsRequest } from '../../src/openflow/parse/flow-mod.ts';
import { parseFlowMonitor } from '../../src/openflow/parse/flow-monitor.ts';
import { parseGroupMod } from '../../src/openflow/parse/group-mod.ts';
import { parseMeterMod } from '../../src/openflow/parse/meter-mod.ts';
import { parsePacketOut } from '../../src/openflow/parse/packet-out.ts';
import { parseTlvMap } from '../../src/openflow/parse/tlv-map.ts';
import { fuzz, mutateText } from './mutate.ts';

const golden = <T>(name: string): T =>
  JSON.parse(readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8')) as T;

const ACTIONS = golden<{ text: [string][]; errors: [string][] }>('test/golden/openflow-actions.json');
const OPENFLOW: readonly string[] = [
  ...ACTIONS.text.map(([text]) => text),
  ...ACTIONS.errors.map(([text]) => text),
  ...golden<{ in: string }[]>('src/flow/golden/matches.json').map((row) => row.in),
  'table=1,priority=7,idle_timeout=5,hard_timeout=9,cookie=0x1/0xf,send_flow_rem,tcp,nw_src=1.2.3.4/8,actions=output:1',
  'group_id=1,type=select,selection_method=hash,fields(ip_dst,eth_src),bucket=bucket_id:0,weight:50,actions=output:1',
  'group_id=2,command_bucket_id=all,bucket=watch_port:1,watch_group:2,output:3',
  'meter=1,kbps,burst,stats,bands=type=drop,rate=1,burst_size=2,type=dscp_remark,rate=5,prec_level=1',
  'in_port=controller,packet=0123456789ab0123456789ab0800,actions=output:1',
  '{class=0xffff,type=0,len=4}->tun_metadata0,{class=0xffff,type=1,len=8}->tun_metadata1',
  '!initial,!add,!own,out_port=1,out_group=2,table=3,tcp',
  "ct_nw_src=1.2.3.4,ct_nw_proto=6,ct_tp_src=5 'zone=5,mark=1/1,labels=0x1'",
  'flow add priority=1 actions=drop\ngroup add group_id=1,type=all,bucket=1\npacket-out in_port=1,packet=0,actions=1',
];
const ODP: readonly string[] = [
  ...golden<[string][]>('src/odp/golden/actions.json').map(([text]) => text),
  ...golden<[string][]>('src/odp/golden/keys.json').map(([text]) => text),
  ...golden<[string][]>('src/odp/golden/masked-keys.json').map(([text]) => text),
];

const read = (
  parse: (text: string) => unknown,
  refusals: readonly (abstract new (...a: never[]) => Error)[],
) => {
  return (text: string): void => {
    try {
      parse(text);
    } catch (error) {
      if (refusals.some((cls) => error instanceof cls)) {
        assert.ok(
          (error as Error).message.length < 20_000 + 4 * text.length,
          'a message out of all proportion',
        );
        return;
      }
      throw new Error(`with ${JSON.stringify(text)}`, { cause: error });
    }
  };
};

const OPENFLOW_PARSERS = [
  (text: string) => formatMatch(parseMatch(text).match),
  (text: string) => parseExactFlow(text),
  (text: string) => formatActions(parseActions(text).actions),
  (text: string) => formatActions(parseInstructions(text).actions),
  (text: string) => parseFlow(text, 'add'),
  (text: string) => parseFlow(text, 'any'),
  (text: string) => parseFlow(text, 'delete'),
  (text: string) => parseFlowStatsRequest(text),
  (text: string) => parseFlowMonitor(text, 1),
  (text: string) => parseGroupMod(text, 'add'),
  (text: string) => parseGroupMod(text, 'any'),
  (text: string) => parseMeterMod(text, 'add'),
  (text: string) => parsePacketOut(text),
  (text: string) => parseTlvMap(text),
  (text: string) => parseBundleFile('-', text),
  (text: string) => parseCtMatch(text.split(' ')),
].map((parse) => read(parse, [ParseError, FlowTextError, SubfieldError, OfpError]));

const ODP_PARSERS = [
  (text: string) => formatOdpActions(parseOdpActions(text)),
  (text: string) => {
    const { key, mask } = parseOdpFlow(text);
    formatOdpFlow(key, mask);
  },
].map((parse) => read(parse, [OdpTextError]));

test('texts of flows, actions, groups, meters and packets are read or refused', () => {
  fuzz((random) => {
    const text = mutateText(random, random.pick(OPENFLOW), OPENFLOW);
    for (const parse of OPENFLOW_PARSERS) parse(text);
  });
});

test('texts of datapath flows and actions are read or refused', () => {
  fuzz((random) => {
    const text = mutateText(random, random.pick(ODP), ODP);
    for (const parse of ODP_PARSERS) parse(text);
  });
});

test('deep nesting and endless repetition are read or refused, soon', () => {
  for (const deep of [
    'clone(',
    'ct(commit,exec(',
    'write_actions(',
    'bundle(',
    'learn(',
    'check_pkt_larger(',
    'sample(',
    '(',
  ]) {
    const text = deep.repeat(5000);
    for (const parse of [...OPENFLOW_PARSERS, ...ODP_PARSERS]) parse(text);
  }
  for (const long of [
    'output:1,',
    'ip,',
    'set_field:1->reg0,',
    'ct(),',
    'tunnel(',
    '0',
    ' ',
    '\t,',
    'a',
    '9',
    '1/',
    'bucket=1,',
  ]) {
    const text = long.repeat(20_000);
    for (const parse of [...OPENFLOW_PARSERS, ...ODP_PARSERS]) {
      const start = performance.now();
      parse(text);
      assert.ok(performance.now() - start < 5000, `${long} takes too long`);
    }
  }
});
