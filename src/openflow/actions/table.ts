/**
 * All actions. Adding one is a file beside this and a row here (and its value in `action.ts`).
 *
 * Rows are in the order of C's enum ofpact_type, which bitmaps of actions and printed lists of them follow.
 */
import type { OfpAct, OfpActKind } from './action.ts';
import { bundle } from './bundle.ts';
import { checkPktLarger } from './check-pkt-larger.ts';
import { clone } from './clone.ts';
import type { ActionCodec, ActionParser } from './codec.ts';
import { conjunction } from './conjunction.ts';
import { controller } from './controller.ts';
import { ct, ctClear } from './ct.ts';
import { decTtl } from './dec-ttl.ts';
import { decap, decNshTtl } from './decap.ts';
import { deleteField } from './delete-field.ts';
import { encap } from './encap.ts';
import { enqueue } from './enqueue.ts';
import { setEthDst, setEthSrc } from './eth-address.ts';
import { finTimeout } from './fin-timeout.ts';
import { group } from './group.ts';
import { clearActions, gotoTable, meter, writeActions, writeMetadata } from './instructions.ts';
import { setIpDscp, setIpEcn, setIpTtl, setIpv4Dst, setIpv4Src } from './ip-header.ts';
import { setL4DstPort, setL4SrcPort } from './l4-port.ts';
import { learn } from './learn.ts';
import { decMplsTtl, popMpls, pushMpls, setMplsLabel, setMplsTc, setMplsTtl } from './mpls.ts';
import { multipath } from './multipath.ts';
import { nat } from './nat.ts';
import { note } from './note.ts';
import { output } from './output.ts';
import { outputReg } from './output-reg.ts';
import { outputTrunc } from './output-trunc.ts';
import { popQueue, setQueue } from './queue.ts';
import { regLoad } from './reg-load.ts';
import { regMove } from './reg-move.ts';
import { resubmit } from './resubmit.ts';
import { sample } from './sample.ts';
import { setField } from './set-field.ts';
import { setTunnel } from './set-tunnel.ts';
import { debugRecirc, debugSlow, exit } from './simple.ts';
import { stackPop, stackPush } from './stack.ts';
import { unrollXlate } from './unroll-xlate.ts';
import { setVlanPcp, setVlanVid } from './vlan-id.ts';
import { pushVlan, stripVlan } from './vlan-tag.ts';
import type { WireForm, WireId } from './wire.ts';
import { NX_VENDOR, ONF_VENDOR } from './wire.ts';

/** One codec for each kind: a missing or doubled row does not type-check. */
const CODECS: { readonly [K in OfpActKind]: ActionCodec<K> } = {
  output,
  group,
  controller,
  enqueue,
  output_reg: outputReg,
  bundle,
  set_field: setField,
  reg_load: regLoad,
  set_vlan_vid: setVlanVid,
  set_vlan_pcp: setVlanPcp,
  strip_vlan: stripVlan,
  push_vlan: pushVlan,
  set_eth_src: setEthSrc,
  set_eth_dst: setEthDst,
  set_ipv4_src: setIpv4Src,
  set_ipv4_dst: setIpv4Dst,
  set_ip_dscp: setIpDscp,
  set_ip_ecn: setIpEcn,
  set_ip_ttl: setIpTtl,
  set_l4_src_port: setL4SrcPort,
  set_l4_dst_port: setL4DstPort,
  reg_move: regMove,
  stack_push: stackPush,
  stack_pop: stackPop,
  dec_ttl: decTtl,
  set_mpls_label: setMplsLabel,
  set_mpls_tc: setMplsTc,
  set_mpls_ttl: setMplsTtl,
  dec_mpls_ttl: decMplsTtl,
  push_mpls: pushMpls,
  pop_mpls: popMpls,
  dec_nsh_ttl: decNshTtl,
  delete_field: deleteField,
  encap,
  decap,
  set_tunnel: setTunnel,
  set_queue: setQueue,
  pop_queue: popQueue,
  fin_timeout: finTimeout,
  resubmit,
  learn,
  conjunction,
  multipath,
  note,
  exit,
  sample,
  unroll_xlate: unrollXlate,
  ct,
  ct_clear: ctClear,
  nat,
  output_trunc: outputTrunc,
  clone,
  check_pkt_larger: checkPktLarger,
  debug_recirc: debugRecirc,
  debug_slow: debugSlow,
  meter,
  clear_actions: clearActions,
  write_actions: writeActions,
  write_metadata: writeMetadata,
  goto_table: gotoTable,
};

/** The codec seen without its kind: what dispatches by `act.kind` uses. */
type AnyCodec = ActionCodec<OfpActKind>;

export const codecOf = (act: OfpAct): AnyCodec => CODECS[act.kind] as unknown as AnyCodec;

/** What messages call an action, e.g. 'set_field' for a load. */
export const actionName = (kind: OfpActKind): string => CODECS[kind].name;

/** Every codec, in order. */
export const allCodecs = (): readonly AnyCodec[] => Object.values(CODECS) as unknown as AnyCodec[];

const parsers = new Map<string, ActionParser>();

/** The parser of an action by its name in text, in any case. */
export function parserOf(name: string): ActionParser | undefined {
  if (parsers.size === 0)
    for (const codec of allCodecs())
      for (const [text, parse] of Object.entries(codec.parse ?? {})) parsers.set(text, parse);
  return parsers.get(name) ?? parsers.get(name.toLowerCase());
}

/** A wire form as one version has it. */
export interface BoundForm {
  readonly form: WireForm;
  readonly id: WireId;
  readonly minLength: number;
  readonly maxLength: number;
  /** Where decoders start to read. */
  readonly argOffset: number;
}

const forms = new Map<number, BoundForm>();

/** Vendors (0 for the standard), versions below 8 and 16-bit types in one number. */
const formKey = (vendor: number, version: number, type: number): number => {
  const v = vendor === 0 ? 0 : vendor === NX_VENDOR ? 1 : 2;
  return (v * 8 + version) * 0x10000 + type;
};

export const isKnownVendor = (vendor: number): boolean => vendor === NX_VENDOR || vendor === ONF_VENDOR;

/** The form of an action's header; undefined when there is none in that version. */
export function formOf(vendor: number, version: number, type: number): BoundForm | undefined {
  if (forms.size === 0)
    for (const codec of allCodecs())
      for (const form of codec.wire ?? [])
        form.ids.forEach((id, v) => {
          if (!id) return;
          const bound: BoundForm = {
            form,
            id,
            minLength: form.minLength(id),
            maxLength: form.maxLength(id),
            argOffset: form.argOffset(id),
          };
          forms.set(formKey(id.vendor, v, id.type), bound);
        });
  return forms.get(formKey(vendor, version, type));
}
