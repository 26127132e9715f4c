/**
 * The OpenFlow codec as a library: `import { ... } from 'ovs-ts/openflow'`.
 *
 * Messages of OpenFlow 1.0 to 1.5, with the extensions of Open vSwitch 3.7, between bytes, typed values and the text
 * of `ovs-ofctl`. Nothing here needs Node, a browser or a clock: it runs wherever ES2022 does.
 * What is exported here is the interface; docs/openflow-library.md shows how it is used. Everything else may change.
 *
 * - bytes: {@link decodeMessage}, {@link encodeMessage}, {@link MessageSplitter}
 * - text: {@link formatMessage}, {@link parseFlow}, {@link formatFlow}, {@link parseMatch}, {@link formatMatch},
 *   {@link parseActions}, {@link formatActions}, {@link parseGroup}, {@link parseMeter}, {@link parsePacketOut}
 * - values: {@link createFlowMod} and its like, {@link createMatch}, {@link matchFields}, {@link createNames}
 *
 * Bad bytes are an {@link OfpError}, whose `code` is the error to answer with; bad text is a {@link ParseError}, whose
 * message is that of `ovs-ofctl`.
 */
export { ParseError } from '../../base/parse.ts';
export type { FieldName } from '../../flow/field-names.ts';
export type { Match } from '../../flow/layout.ts';
export { type NameMap, OFPP } from '../../flow/ports.ts';
export type {
  Act as ActionOf,
  LearnFlowSpec,
  LearnSpec,
  OfpAct as Action,
  OfpActKind as ActionKind,
  Subfield,
} from '../../openflow/actions/action.ts';
export { OfpError, type OfpErrorName } from '../../openflow/errors.ts';
export { OFPG_ANY, OFPTT_ALL } from '../../openflow/messages/flow-mod.ts';
export { OFPG_ALL } from '../../openflow/messages/group.ts';
export {
  ASYNC_TYPES,
  type AsyncConfig,
  type Body as MessageBodyOf,
  type Bucket,
  CAP,
  type Continuation,
  type CtMatch,
  type CtTuple,
  FF,
  type FlowMod,
  type FlowMonitorRequest,
  type FlowRemoved,
  type FlowStats,
  type FlowStatsRequest,
  type FlowUpdate,
  type GroupDesc,
  type GroupMod,
  type GroupStats,
  type Message as MessageOf,
  type MeterBand,
  type MeterConfig,
  type MeterMod,
  type MeterStats,
  NO_BUFFER,
  OFPMF13,
  OFPR,
  OFPRR,
  type OfpBody as MessageBody,
  type OfpKind as MessageKind,
  type OfpMessage as Message,
  type PacketIn,
  PC,
  type PhyPort,
  type PortStats,
  PS,
  type QueueConfig,
  type QueueStats,
  type TableConfig,
  type TableFeatures,
  type TableMod,
  type TableStats,
  type TlvMap,
  UNKNOWN_COUNT,
  UNKNOWN_DURATION,
} from '../../openflow/messages/message.ts';
export { OFP10, OFP11, OFP12, OFP13, OFP14, OFP15, type OfpVersion } from '../../openflow/version.ts';
export { createFlowMod, createFlowStatsRequest, createPacketOut } from './create.ts';
export {
  createMatch,
  type FieldInfo,
  fields,
  type MatchField,
  type MatchValues,
  matchFields,
} from './match.ts';
export {
  type DecodeOptions,
  decodeMessage,
  type EncodeOptions,
  encodeMessage,
  MessageSplitter,
} from './messages.ts';
export { createNames, type TextOptions } from './names.ts';
export {
  type FormatOptions,
  formatActions,
  formatFlow,
  formatMatch,
  formatMessage,
  type ParseOptions,
  parseActions,
  parseFlow,
  parseFlowStatsRequest,
  parseGroup,
  parseMatch,
  parseMeter,
  parsePacketOut,
} from './text.ts';
