// What is wrong with a text is said in the words of ovs-ofctl 3.7; what is right means the same as there.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ParseError } from '../../base/parse.ts';
import { formatMessage } from '../messages/format.ts';
import type { OfpBody, OfpMessage } from '../messages/message.ts';
import { P } from '../version.ts';
import { parseBundleFile } from './bundle.ts';
import { parseCtMatch } from './ct-match.ts';
import { parseFlowMod, parseFlowModFile, parseFlowStatsRequest } from './flow-mod.ts';
import { parseFlowMonitor } from './flow-monitor.ts';
import { parseMeterMod } from './meter-mod.ts';
import { parsePacketOut } from './packet-out.ts';
import { parseTableMod } from './table-mod.ts';
import { parseTlvMap } from './tlv-map.ts';

/** Texts and what is wrong with them. */
type Refusals<T> = readonly (readonly [text: T, error: string])[];

const METERS: Refusals<string> = [
  ['', 'must specify bands'],
  ['meter=1', 'must specify bands'],
  ['meter=x,kbps,bands=type=drop,rate=1', 'invalid numeric format x'],
  ['kbps,bands=type=drop,rate=1', "must specify 'meter'"],
  ['meter=1,bands=type=drop,rate=1', "meter must specify either 'kbps' or 'pktps'"],
  ['meter=1,kbps,bands=type=foo,rate=1', 'field type unknown value foo'],
  ['meter=1,kbps,bands=rate=1', "band must start with the 'type' keyword"],
  ['meter=1,kbps,bands=type=drop', "band must have 'rate'"],
  ['meter=1,kbps,burst,bands=type=drop,rate=1', "band must have 'burst_size' when 'burst' flag is set"],
  [
    'meter=1,kbps,bands=type=drop,rate=1,burst_size=5',
    "band may have 'burst_size' only when 'burst' flag is set",
  ],
  ['meter=1,kbps,bands=type=dscp_remark,rate=1', "'dscp_remark' band must have 'prec_level'"],
  ['meter=1,kbps,bands=type=drop,rate=1,prec_level=1', "Only 'dscp_remark' band may have 'prec_level'"],
  ['meter=1,kbps,foo=1,bands=type=drop,rate=1', 'unknown keyword foo'],
  ['meter=1,kbps,bands=type=drop,rate=x', 'invalid numeric format x'],
  ['meter=0,kbps,bands=type=drop,rate=1', 'invalid value for meter'],
  ['meter=1,kbps,bands=', 'meter must have bands'],
  ['meter=1,kbps,bands=type=drop,foo=1', 'unknown keyword foo'],
];

const TABLES: Refusals<readonly string[]> = [
  [['0', 'foo'], 'invalid table_mod setting foo'],
  [['0', 'vacancy:10'], 'Vacancy up value missing'],
  [['0', 'vacancy:x,5'], 'Invalid vacancy down value "x"'],
  [
    ['0', 'vacancy:30,20'],
    'Invalid vacancy range, vacancy up should be greater than vacancy down (OFPBPC_BAD_VALUE)',
  ],
  [['0', 'vacancy:10,200'], 'Invalid vacancy up value "200"'],
  [['zz', 'evict'], 'unknown table "zz"'],
  [['300', 'evict'], 'unknown table "300"'],
  [['254', 'continue'], "last table's flow miss handling can not be continue"],
  [['all', 'name:x'], 'invalid table_mod setting name:x'],
];

const PACKETS: Refusals<string> = [
  ['', 'must specify packet'],
  ['in_port=1', 'must specify packet'],
  ['in_port=1 packet=zz actions=1', 'packet: Trailing garbage in packet data'],
  ['in_port=zz packet=ffffffffffff0102030405060800 actions=1', 'zz is not a valid OpenFlow port'],
  ['in_port=1 packet=ff actions=1', 'packet: Packet data too short for Ethernet'],
  ['in_port=1 packet=ffffffffffff0102030405060800 actions=foo', 'unknown action foo'],
  ['in_port=1 foo=1 packet=ffffffffffff0102030405060800', 'unknown keyword foo'],
  [
    'in_port=NORMAL packet=ffffffffffff0102030405060800',
    'NORMAL is not a valid OpenFlow port for PACKET_OUT',
  ],
  [
    'in_port=1 tcp_src=5 packet=ffffffffffff0102030405060800',
    'tcp_src is not a valid pipeline field for PACKET_OUT',
  ],
  ['in_port packet=ff', 'field in_port missing value'],
  ['packet_type=5 packet=ffffffffffff0102030405060800', "packet_type(5) can't be interpreted"],
];

const TLV_MAPS: Refusals<string> = [
  ['foo', 'invalid tlv mapping'],
  ['{class=1,type=2,len=4}->foo', 'invalid tlv mapping'],
  ['{class=x,type=2,len=4}->tun_metadata0', 'invalid tlv mapping'],
  ['{class=1,type=2,len=4}->tun_metadata0 foo', 'invalid tlv mapping'],
  ['{class=1,type=2}->tun_metadata0', 'invalid tlv mapping'],
];

const CT_MATCHES: Refusals<readonly string[]> = [
  [['zone=x'], 'failed to parse zone'],
  [['mark=x'], 'failed to parse mark'],
  [['labels=x'], 'failed to parse labels'],
  [['ct_nw_src=x'], 'failed to parse field ct_nw_src'],
  [['ct_nw_src=1.2.3.4,ct_ipv6_src=::1'], 'the L3 protocol does not match ::1'],
  [['ct_nw_src=1.2.3.4,ct_nw_src=1.2.3.5'], 'ct_nw_src is set multiple times'],
  [['ct_tp_src=5'], 'port is set without protocol'],
  [['ct_nw_proto=x'], 'failed to parse field ct_nw_proto'],
  [['icmp_type=5'], 'invalid L4 fields'],
  [['foo=1'], 'invalid conntrack tuple field: foo'],
  [['ct_nw_src'], 'field ct_nw_src missing value'],
  [['ct_nw_proto=6,ct_tp_src=x'], 'failed to parse field ct_tp_src'],
  [['', '', ''], 'invalid arguments'],
];

const MONITORS: Refusals<string> = [
  ['foo', 'foo: field foo missing value'],
  ['table', 'table: field table missing value'],
  ['table=zz', 'unknown table "zz"'],
  ['foo=1', 'foo=1: unknown keyword foo'],
  ['ip,nw_src=x', 'x: invalid IP address'],
];

const BUNDLES: Refusals<string> = [
  ['foo', '-:1: Unsupported bundle message type: foo'],
  ['flow foo', '-:1: must specify an action'],
  ['group foo', '-:1: unknown keyword foo'],
  ['packet-out foo', '-:1: field foo missing value'],
  ['flow add ip,actions=foo', '-:1: unknown action foo'],
  ['group add group_id=x', '-:1: invalid numeric format x'],
];

function refuses<T>(refusals: Refusals<T>, parse: (text: T) => unknown): void {
  for (const [text, error] of refusals) {
    assert.throws(
      () => parse(text),
      (thrown) => {
        assert.ok(thrown instanceof ParseError, String(thrown));
        assert.equal(thrown.message, error, String(text));
        return true;
      },
    );
  }
}

test('bad meters are refused', () => refuses(METERS, (text) => parseMeterMod(text, 'add')));
test('bad table settings are refused', () =>
  refuses(TABLES, ([table, setting]) => parseTableMod(table!, setting!)));
test('bad packet-outs are refused', () => refuses(PACKETS, (text) => parsePacketOut(text)));
test('bad mappings of tunnel options are refused', () => refuses(TLV_MAPS, parseTlvMap));
test('bad connection matches are refused', () => refuses(CT_MATCHES, parseCtMatch));
test('bad flow monitors are refused', () => refuses(MONITORS, (text) => parseFlowMonitor(text, 0)));
test('bad bundles are refused', () => refuses(BUNDLES, (text) => parseBundleFile('-', text)));

/** A parsed text as a message, printed. */
const printed = (body: OfpBody, version: number): string =>
  formatMessage({ ...body, version, xid: 1 } as OfpMessage, { verbosity: 2 });

test('good texts mean what they say', () => {
  assert.equal(
    printed(
      {
        kind: 'meter_mod',
        ...parseMeterMod('meter=7,pktps,burst,stats,bands=type=drop,rate=5,burst_size=9', 'add').value,
      },
      4,
    ),
    'OFPT_METER_MOD (OF1.3) (xid=0x1): ADD meter=7 pktps burst stats bands=\ntype=drop rate=5 burst_size=9\n',
  );
  assert.equal(
    printed(parsePacketOut('in_port=1 packet=ffffffffffff0102030405061234 actions=2,controller').value, 1),
    'OFPT_PACKET_OUT (xid=0x1): in_port=1 actions=output:2,CONTROLLER:65535 data_len=14\n' +
      'vlan_tci=0x0000,dl_src=01:02:03:04:05:06,dl_dst=ff:ff:ff:ff:ff:ff,dl_type=0x1234\n',
  );
  assert.deepEqual(
    parseTlvMap('{class=0xffff,type=1,len=8}->tun_metadata3,{class=1,type=2,len=4}->tun_metadata0').value,
    [
      { optionClass: 0xffff, optionType: 1, optionLen: 8, index: 3 },
      { optionClass: 1, optionType: 2, optionLen: 4, index: 0 },
    ],
  );
  const ct = parseCtMatch(['zone=5', 'mark=1/3', 'ct_nw_src=1.2.3.4,ct_nw_proto=6,ct_tp_dst=80']);
  assert.deepEqual(
    {
      zone: ct.zone,
      mark: ct.mark,
      markMask: ct.markMask,
      src: ct.orig.src,
      proto: ct.ipProto,
      dst: ct.orig.dstPort,
    },
    { zone: 5, mark: 1, markMask: 3, src: 0xffff01020304n, proto: 6, dst: 80 },
  );
  const bundle = parseBundleFile(
    'f',
    'flow add ip,actions=1\n# none\ngroup group_id=1,type=all\nflow delete udp\n',
  );
  assert.deepEqual(
    bundle.value.map((body) => body.kind),
    ['flow_mod', 'group_mod', 'flow_mod'],
  );
});

test('lines name their command, or mean the given one', () => {
  const command = (text: string): string => parseFlowMod(text, 'any').value.command;
  assert.equal(command('delete_strict priority=3'), 'delete_strict');
  assert.equal(command('mod actions=1'), 'modify');
  assert.equal(command('actions=1'), 'add');
});

test('usable protocols are those that can say everything', () => {
  const usable = (text: string): number => parseFlowMod(text, 'add').protocols;
  assert.equal(usable('ip,actions=1'), P.ANY);
  assert.equal(usable('table=1,ip,actions=1'), P.TID);
  assert.equal(usable('reg0=1,actions=1'), P.NXM_OXM_ANY);
  assert.equal(parseFlowStatsRequest('table=1').protocols, P.ANY);
});

test('a file: comments and empty lines are passed over, errors say where', () => {
  const read = (file: string): number[] => {
    const priorities: number[] = [];
    parseFlowModFile('f', file, 'add', {}, ({ priority }) => priorities.push(priority));
    return priorities;
  };
  assert.deepEqual(read('# flows\n\n \t\npriority=1,actions=drop # one\npriority=2 actions=drop'), [1, 2]);
  assert.throws(
    () => read('actions=drop\n\npriority=x,actions=drop\n'),
    /^ParseError: f:3: invalid priority "x"$/,
  );
  // As for C, which takes blanks, tabs and the end of the line for nothing.
  assert.throws(() => read('\r\nactions=drop\r\n'), /^ParseError: f:1: must specify an action$/);
});
