/** Packets through a bridge: misses, megaflows, learning, revalidation, statistics. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatOdpActions } from '../../src/odp/action-format.ts';
import { formatOdpFlow } from '../../src/odp/key-format.ts';
import { SwitchNetwork } from '../support/switch-network.ts';

const A = '50:54:00:00:00:01';
const B = '50:54:00:00:00:02';
const TCP = `dl_src=${A},dl_dst=${B},dl_type=0x0800,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_proto=6,nw_ttl=64,tp_src=5,tp_dst=80`;

function normalBridge() {
  const net = new SwitchNetwork();
  const br = net.bridge('br0');
  for (const [i, name] of ['p1', 'p2', 'p3'].entries()) net.port(br, name, i + 1);
  const rule = net.flow(br, 'priority=0,actions=NORMAL');
  return { net, br, rule };
}

test('an unknown destination is flooded and a learned one is not', () => {
  const { net, br } = normalBridge();
  net.inject('p1', `in_port=1,dl_src=${A},dl_dst=${B},dl_type=0x1234`);
  assert.deepEqual(net.outputs(), ['p2', 'p3']);
  net.inject('p2', `in_port=2,dl_src=${B},dl_dst=${A},dl_type=0x1234`);
  assert.deepEqual(net.outputs(), ['p1']);
  assert.deepEqual(
    [...br.macLearning.entries()].map((e) => e.port?.name),
    ['p1', 'p2'],
  );
  // The flow that flooded is corrected now that the address is known.
  net.revalidate();
  net.inject('p1', `in_port=1,dl_src=${A},dl_dst=${B},dl_type=0x1234`);
  assert.deepEqual(net.outputs(), ['p2']);
});

test('only the first packet of a megaflow comes up', () => {
  const { net } = normalBridge();
  net.inject('p1', `in_port=1,${TCP}`, 10);
  const { missed, hit, flows } = net.dpif.stats();
  assert.deepEqual({ missed, hit, flows }, { missed: 1, hit: 9, flows: 1 });
});

test('every packet is counted once by its rule', () => {
  const { net, rule } = normalBridge();
  net.inject('p1', `in_port=1,${TCP}`, 10);
  assert.equal(rule.packets, 1);
  net.revalidate();
  assert.equal(rule.packets, 10);
  assert.equal(rule.bytes, 10 * net.frame(TCP).length);
  net.revalidate();
  assert.equal(rule.packets, 10);
  net.inject('p1', `in_port=1,${TCP}`, 5);
  net.dpifUdpif.purge();
  assert.equal(rule.packets, 15);
  assert.equal(net.dpif.stats().flows, 0);
});

test('a flow that has been idle for ten seconds goes', () => {
  const { net } = normalBridge();
  net.inject('p1', `in_port=1,${TCP}`);
  net.pass(9000);
  assert.equal(net.dpif.stats().flows, 1);
  net.pass(2500);
  assert.equal(net.dpif.stats().flows, 0);
  assert.equal(net.dpifUdpif.ukeys.size, 0);
});

test('a change of the flow table changes or deletes installed flows', () => {
  const { net, br } = normalBridge();
  net.inject('p1', `in_port=1,${TCP}`);
  net.outputs();
  net.flow(br, 'in_port=1,actions=output:3');
  net.pass(20);
  net.inject('p1', `in_port=1,${TCP}`);
  assert.deepEqual(net.outputs(), ['p3']);
  net.flow(br, 'priority=40000,in_port=1,tcp,tp_dst=80,actions=drop');
  net.pass(20);
  net.inject('p1', `in_port=1,${TCP}`);
  assert.deepEqual(net.outputs(), []);
});

test('idle timeouts of rules follow the packets that the datapath forwarded', () => {
  const { net, br } = normalBridge();
  const rule = net.flow(br, 'in_port=1,idle_timeout=5,actions=output:2');
  for (let i = 0; i < 10; i++) {
    net.inject('p1', `in_port=1,${TCP}`);
    net.pass(1000);
  }
  assert.equal(rule.removed, false);
  net.pass(6500);
  assert.equal(rule.removed, true);
});

test('VLANs: an access port and a trunk share only the access VLAN', () => {
  const net = new SwitchNetwork();
  const br = net.bridge('br0');
  net.port(br, 'p1', 1, { vlanMode: 'access', vlan: 10 });
  net.port(br, 'p2', 2, { trunks: new Set([10, 20]) });
  net.port(br, 'p3', 3, { vlanMode: 'access', vlan: 20 });
  net.flow(br, 'actions=NORMAL');
  assert.equal(net.actions(br, `in_port=1,dl_src=${A},dl_dst=${B}`), 'push_vlan(vid=10,pcp=0),2');
  assert.equal(net.actions(br, `in_port=2,dl_vlan=20,dl_src=${A},dl_dst=${B}`), 'pop_vlan,3');
  assert.equal(net.actions(br, `in_port=2,dl_vlan=30,dl_src=${A},dl_dst=${B}`), 'drop');
  assert.equal(net.actions(br, `in_port=1,dl_vlan=10,dl_src=${A},dl_dst=${B}`), 'drop');
});

test('a patch port goes on in the other bridge, whose changes stay there', () => {
  const net = new SwitchNetwork();
  const br0 = net.bridge('br0');
  const br1 = net.bridge('br1');
  net.port(br0, 'p1', 1);
  net.port(br0, 'p2', 2);
  net.port(br1, 'p3', 3);
  net.patch(br0, br1, 'to-br1', 'to-br0');
  const patch = [...br0.ports()].find((p) => p.name === 'to-br1')!;
  net.flow(br0, `in_port=1,actions=output:${patch.ofpPort},output:2`);
  const inner = net.flow(br1, 'ip,actions=mod_nw_dst:9.9.9.9,output:3');
  assert.equal(net.actions(br0, `in_port=1,${TCP}`), 'set(ipv4(dst=9.9.9.9)),3,set(ipv4(dst=10.0.0.2)),2');
  net.inject('p1', `in_port=1,${TCP}`, 3);
  assert.deepEqual(net.outputs(), ['p2*3', 'p3*3']);
  net.revalidate();
  assert.equal(inner.packets, 3);
  assert.equal(patch.netdev.stats().txPackets, 3);
});

test('a packet for the controller carries the metadata of the place it was sent from', () => {
  const net = new SwitchNetwork();
  const br = net.bridge('br0');
  net.port(br, 'p1', 1);
  net.flow(br, 'table=0,cookie=0x1234,actions=load:7->NXM_NX_REG3[],CONTROLLER:40');
  net.inject('p1', `in_port=1,${TCP}`, 2);
  assert.equal(net.packetIns.length, 2);
  const [event] = net.packetIns;
  assert.equal(event!.cookie, 0x1234n);
  assert.equal(event!.maxLen, 40);
  assert.equal(event!.tableId, 0);
  assert.deepEqual(event!.packet, net.frame(TCP));
});

test('a changed ARP packet takes the slow path', () => {
  const net = new SwitchNetwork();
  const br = net.bridge('br0');
  net.port(br, 'p1', 1);
  net.port(br, 'p2', 2);
  const rule = net.flow(br, 'arp,actions=load:2->NXM_OF_ARP_OP[],output:2');
  const arp = `in_port=1,dl_src=${A},dl_dst=${B},dl_type=0x0806,arp_op=1,arp_spa=1.1.1.1,arp_tpa=1.1.1.2`;
  net.inject('p1', arp, 3);
  const frames = net.device('p2').frames;
  assert.equal(frames.length, 3);
  for (const f of frames) assert.equal(f[21], 2);
  net.revalidate();
  assert.equal(rule.packets, 3);
});

test('learned flows appear, are refreshed by traffic, and expire', () => {
  const net = new SwitchNetwork();
  const br = net.bridge('br0');
  net.port(br, 'p1', 1);
  net.port(br, 'p2', 2);
  net.flow(
    br,
    'table=0,actions=learn(table=1,hard_timeout=5,NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],output:NXM_OF_IN_PORT[]),output:2',
  );
  const learned = () => br.up.flows.tables[1]!.flowCount;
  net.inject('p1', `in_port=1,${TCP}`);
  assert.equal(learned(), 1);
  for (let i = 0; i < 10; i++) {
    net.pass(1000);
    net.inject('p1', `in_port=1,${TCP}`);
  }
  assert.equal(learned(), 1);
  net.pass(7000);
  assert.equal(learned(), 0);
});

test('MAC addresses age out and the flows that relied on them change back to flooding', () => {
  const { net, br } = normalBridge();
  br.setMacTable(15, 8192);
  net.inject('p2', `in_port=2,dl_src=${B},dl_dst=${A},dl_type=0x1234`);
  net.outputs();
  net.inject('p1', `in_port=1,dl_src=${A},dl_dst=${B},dl_type=0x1234`);
  assert.deepEqual(net.outputs(), ['p2']);
  for (let i = 0; i < 20; i++) {
    net.pass(1000);
    br.run();
    net.inject('p1', `in_port=1,dl_src=${A},dl_dst=${B},dl_type=0x1234`);
  }
  net.outputs();
  net.pass(20);
  net.inject('p1', `in_port=1,dl_src=${A},dl_dst=${B},dl_type=0x1234`);
  assert.deepEqual(net.outputs(), ['p2', 'p3']);
});

test('resubmits that never end are stopped', () => {
  const net = new SwitchNetwork();
  const br = net.bridge('br0');
  net.port(br, 'p1', 1);
  net.flow(br, 'actions=resubmit(,0)');
  const text = net.trace(br, `in_port=1,${TCP}`);
  assert.match(text, />>>> over max translation depth 64 <<<</);
  assert.match(text, /Translation failed \(Recursion too deep\), packet is dropped\.\n$/);
});

test('recirculation resumes where translation stopped', () => {
  const net = new SwitchNetwork();
  const br = net.bridge('br0');
  net.port(br, 'p1', 1);
  net.port(br, 'p2', 2);
  net.flow(br, 'table=0,actions=load:3->NXM_NX_REG1[],debug_recirc,resubmit(,1)');
  net.flow(br, 'table=1,reg1=3,actions=output:2');
  net.inject('p1', `in_port=1,${TCP}`, 3);
  assert.deepEqual(net.outputs(), ['p2*3']);
  assert.equal(net.dpif.stats().flows, 2);
  // Ids live as long as flows that name them.
  const { recircIds } = br.backer;
  assert.equal(recircIds.size, 1);
  net.pass(13_000);
  assert.equal(net.dpif.stats().flows, 0);
  assert.equal(recircIds.size, 0);
});

/** Bridge br0 with port p1, and br1 with p2 behind a patch. */
function patchedBridges() {
  const net = new SwitchNetwork();
  const [br0, br1] = [net.bridge('br0'), net.bridge('br1')];
  net.port(br0, 'p1', 1);
  net.port(br1, 'p2', 2);
  net.patch(br0, br1, 'to1', 'to0');
  const numberOf = (bridge: typeof br0, name: string): number =>
    [...bridge.ports()].find((port) => port.name === name)!.ofpPort;
  return { net, br0, br1, to1: numberOf(br0, 'to1'), to0: numberOf(br1, 'to0') };
}

/** Installed flows, without their statistics. */
function installed(net: SwitchNetwork): string[] {
  const texts: string[] = [];
  net.dpif.dumpFlows(
    (flows) => {
      for (const { key, mask, actions } of flows)
        texts.push(`${formatOdpFlow(key, mask)}, actions:${formatOdpActions(actions)}`);
    },
    () => {},
  );
  return texts;
}

test('two NSH headers come off one recirculation after the other', () => {
  const { net, br0, br1, to1, to0 } = patchedBridges();
  const header = (spi: string): string => `encap(nsh(md_type=1)),set_field:${spi}->nsh_spi`;
  net.flow(
    br0,
    `in_port=1,ip,actions=${header('0x1234')},${header('0x5678')},encap(ethernet),set_field:${B}->eth_dst,output:${to1}`,
  );
  net.flow(br1, `in_port=${to0},dl_type=0x894f,nsh_mdtype=1,nsh_spi=0x5678,actions=decap(),goto_table:1`);
  net.flow(br1, 'table=1,packet_type=(1,0x894f),nsh_mdtype=1,nsh_spi=0x5678,actions=decap(),resubmit(,2)');
  net.flow(br1, 'table=2,packet_type=(1,0x894f),nsh_mdtype=1,nsh_spi=0x1234,actions=decap(),output:2');
  net.inject('p1', `in_port=1,${TCP}`, 2);
  assert.deepEqual(net.device('p2').frames, [net.frame(TCP), net.frame(TCP)]);
  assert.deepEqual(installed(net).slice(1), [
    'recirc_id(0x1),in_port(1),packet_type(ns=1,id=0x894f),eth_type(0x894f),nsh(mdtype=1,np=3,spi=0x1234), actions:pop_nsh(),recirc(0x2)',
    'recirc_id(0x2),in_port(1),packet_type(ns=0,id=0),eth_type(0x0800),ipv4(frag=no), actions:2',
  ]);
});

test('a label before an Ethernet frame hides the frame, and gives it back', () => {
  const { net, br0, br1, to1, to0 } = patchedBridges();
  net.flow(br0, `in_port=1,actions=encap(mpls),encap(ethernet),set_field:${B}->eth_dst,output:${to1}`);
  net.flow(br1, `in_port=${to0},dl_type=0x8847,actions=decap(),decap(packet_type(ns=0,type=0)),output:2`);
  net.inject('p1', `in_port=1,${TCP}`, 2);
  assert.deepEqual(net.device('p2').frames, [net.frame(TCP), net.frame(TCP)]);
  assert.match(
    installed(net)[0]!,
    /actions:add_mpls\(label=0,tc=0,ttl=64,bos=1,eth_type=0x8847\),push_eth\(\S+\),pop_eth,pop_mpls\(eth_type=0x6558\),recirc\(0x1\)$/,
  );
});
