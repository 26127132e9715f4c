/** Groups as text: what `add-group` and its like take. C counterpart: parse_ofp_group_mod_str in lib/ofp-group.c. */
import { ParseError, strToU16, strToU32, strToU64 } from '../../base/parse.ts';
import { parseFieldValue, usableProtocols } from '../../flow/field-text.ts';
import { fieldAllOnes, fieldByName, isFieldMaskValid } from '../../flow/fields.ts';
import { KeyValueScanner } from '../../flow/key-value.ts';
import { OFPP, OFPP_PHYSICAL_END, parsePort } from '../../flow/ports.ts';
import { parseActions } from '../actions/parse.ts';
import type { FieldMask } from '../messages/field-array.ts';
import { OFPG_ANY } from '../messages/flow-mod.ts';
import { BUCKET, OFPG_ALL, OFPG_MAX } from '../messages/group.ts';
import type { Bucket, GroupCommand, GroupMod, GroupType } from '../messages/message.ts';
import { P, type Protocols } from '../version.ts';
import { type Parsed, type ParseOptions, parseLines, parsing, takeCommand } from './common.ts';

const METHOD_LENGTH = 16;
/** What came with OpenFlow 1.5, and with the extension to 1.0. */
const NEW_FORM = P.OF10_ANY | P.OF15_UP;

/** What a command needs and allows. */
interface Allowed {
  readonly type?: true;
  readonly buckets?: true;
  readonly commandBucket?: true;
  readonly allBuckets?: true;
}

const ALLOWED: Readonly<Record<GroupCommand, Allowed>> = {
  add: { type: true, buckets: true },
  modify: { type: true, buckets: true },
  add_or_mod: { type: true, buckets: true },
  delete: {},
  insert_bucket: { buckets: true, commandBucket: true },
  remove_bucket: { commandBucket: true, allBuckets: true },
};

const TYPES: Readonly<Record<string, GroupType>> = {
  all: 'all',
  select: 'select',
  indirect: 'indirect',
  ff: 'ff',
  fast_failover: 'ff',
};

const COMMANDS: readonly GroupCommand[] = [
  'add',
  'delete',
  'modify',
  'add_or_mod',
  'insert_bucket',
  'remove_bucket',
];

class GroupParser {
  readonly #options: ParseOptions;
  readonly #command: GroupCommand;
  readonly #allowed: Allowed;
  #protocols: Protocols = P.ANY;
  #groupId = OFPG_ANY;
  #type: GroupType | undefined;
  #commandBucketId: number | undefined;
  #selectionMethod = '';
  #selectionMethodParam = 0n;
  readonly #fields: FieldMask[] = [];

  constructor(command: GroupCommand, options: ParseOptions) {
    this.#command = command;
    this.#allowed = ALLOWED[command];
    this.#options = options;
    if (this.#allowed.commandBucket) this.#protocols = NEW_FORM;
  }

  parse(text: string): Parsed<GroupMod> {
    if (this.#command === 'delete' && text === '') {
      this.#groupId = OFPG_ALL;
      return this.#result([]);
    }
    const at = text.indexOf('bucket=');
    // 'command_bucket_id=' and 'bucket_id=' do not contain 'bucket='.
    if (at >= 0 && !this.#allowed.buckets) throw new ParseError('bucket is not needed');
    for (const kv = new KeyValueScanner(at < 0 ? text : text.slice(0, at)); kv.next(); )
      this.#pair(kv.key, kv.value);
    this.#check();
    return this.#result(at < 0 ? [] : this.#buckets(text.slice(at)));
  }

  #result(buckets: readonly Bucket[]): Parsed<GroupMod> {
    const props = {
      selectionMethod: this.#selectionMethod,
      selectionMethodParam: this.#selectionMethodParam,
      fields: this.#fields,
    };
    const value: GroupMod = {
      command: this.#command,
      type: this.#type ?? 'all',
      groupId: this.#groupId,
      commandBucketId: this.#commandBucketId ?? BUCKET.ALL,
      buckets,
      props,
    };
    return { value, protocols: this.#protocols };
  }

  /** Refuses what only commands that give the group a type may say. */
  #needsType(what: string): void {
    if (!this.#allowed.type) throw new ParseError(`${what} not needed`);
  }

  #pair(key: string, value: string): void {
    switch (key) {
      case 'command_bucket_id':
        this.#commandBucketId = this.#commandBucket(value);
        return;
      case 'group_id':
        this.#groupId = value === 'all' ? OFPG_ALL : strToU32(value);
        if (this.#groupId !== OFPG_ALL && this.#groupId > OFPG_MAX)
          throw new ParseError(`invalid group id ${this.#groupId}`);
        return;
      case 'type':
        this.#needsType('type is');
        this.#type = Object.hasOwn(TYPES, value) ? TYPES[value] : undefined;
        if (!this.#type) throw new ParseError(`invalid group type ${value}`);
        return;
      case 'selection_method':
        this.#needsType('selection method is');
        if (value.length >= METHOD_LENGTH) {
          throw new ParseError(`selection method is longer than ${METHOD_LENGTH - 1} bytes long`);
        }
        this.#selectionMethod = value;
        break;
      case 'selection_method_param':
        this.#needsType('selection method param is');
        this.#selectionMethodParam = strToU64(value);
        break;
      case 'fields':
        this.#needsType('fields are');
        this.#readFields(value);
        break;
      default:
        throw new ParseError(`unknown keyword ${key}`);
    }
    this.#protocols &= NEW_FORM;
  }

  #commandBucket(value: string): number {
    if (!this.#allowed.commandBucket) throw new ParseError('command bucket id is not needed');
    let id: number;
    if (value === 'all') id = BUCKET.ALL;
    else if (value === 'first') id = BUCKET.FIRST;
    else if (value === 'last') id = BUCKET.LAST;
    else {
      id = strToU32(value);
      if (id > BUCKET.MAX && id < BUCKET.FIRST) throw new ParseError(`invalid command bucket id ${id}`);
    }
    if (id === BUCKET.ALL && !this.#allowed.allBuckets)
      throw new ParseError('command_bucket_id=all is not permitted');
    return id;
  }

  /** Fields to hash; a value is a mask of the bits that count. */
  #readFields(text: string): void {
    for (const kv = new KeyValueScanner(text); kv.next(); ) {
      const field = fieldByName(kv.key);
      if (!field) throw new ParseError(`: unknown field ${kv.key}`);
      if (this.#fields.some((f) => f.field === field.name))
        throw new ParseError(`${kv.key}: duplicate field`);
      let mask = fieldAllOnes(field);
      if (kv.value !== '') {
        mask = parseFieldValue(field, kv.value, this.#options.portNames);
        if (field.tunIndex < 0 && mask === 0n)
          throw new ParseError(': values are wildcards here and must not be all-zeros');
        if (!isFieldMaskValid(field, mask))
          throw new ParseError(`${kv.value}: invalid mask for field ${field.name}`);
      }
      this.#fields.push({ field: field.name, mask });
      this.#protocols &= usableProtocols(field, mask);
    }
    this.#fields.sort((a, b) => fieldByName(a.field)!.id - fieldByName(b.field)!.id);
  }

  #check(): void {
    if (this.#groupId === OFPG_ANY) throw new ParseError('must specify a group_id');
    if (this.#allowed.type && !this.#type) throw new ParseError('must specify a type');
    if (this.#selectionMethod !== 'hash' && this.#fields.length) {
      throw new ParseError('fields may only be specified with "selection_method=hash"');
    }
    if (this.#selectionMethod === '' && this.#selectionMethodParam !== 0n) {
      throw new ParseError('selection_method_param is only allowed with "selection_method"');
    }
    if (this.#allowed.commandBucket && !this.#allowed.allBuckets && this.#commandBucketId === undefined) {
      throw new ParseError('must specify a command bucket id');
    }
  }

  #buckets(text: string): Bucket[] {
    const type = this.#type ?? 'all';
    const buckets: Bucket[] = [];
    for (let at = 0; at >= 0; ) {
      const start = at + 'bucket='.length;
      const next = text.indexOf('bucket=', start);
      const bucket = this.#bucket(text.slice(start, next < 0 ? undefined : next), type);
      buckets.push(bucket);
      if (this.#command !== 'insert_bucket' && type !== 'select' && bucket.weight) {
        throw new ParseError('Only select groups can have bucket weights.');
      }
      at = next;
    }
    if (type === 'indirect' && buckets.length > 1)
      throw new ParseError('Indirect groups can have at most one bucket.');
    return buckets;
  }

  #bucket(text: string, type: GroupType): Bucket {
    let weight = type === 'select' ? 1 : 0;
    let bucketId: number = BUCKET.ALL;
    let watchPort: number = OFPP.NONE;
    let watchGroup = OFPG_ANY;
    const actionTexts: string[] = [];
    for (const kv = new KeyValueScanner(text); kv.next(); ) {
      const { key, value } = kv;
      switch (key.toLowerCase()) {
        case 'weight':
          weight = strToU16(value, 'weight');
          break;
        case 'watch_port': {
          const port = parsePort(value, this.#options.portNames);
          const valid =
            port !== undefined &&
            (port < OFPP_PHYSICAL_END || port === OFPP.NONE || port === OFPP.CONTROLLER);
          if (!valid) throw new ParseError(`${value}: invalid watch_port`);
          watchPort = port;
          break;
        }
        case 'watch_group':
          watchGroup = strToU32(value);
          if (watchGroup > OFPG_MAX) throw new ParseError(`invalid watch_group id ${watchGroup}`);
          break;
        case 'bucket_id':
          bucketId = strToU32(value);
          if (bucketId > BUCKET.MAX) throw new ParseError(`invalid bucket_id id ${bucketId}`);
          break;
        case 'action':
        case 'actions':
          actionTexts.push(value);
          break;
        default:
          actionTexts.push(`${key}(${value})`);
      }
    }
    if (actionTexts.length === 0) throw new ParseError('bucket must specify actions');
    if (type === 'ff' && watchPort === OFPP.NONE && watchGroup === OFPG_ANY) {
      throw new ParseError('fast failover bucket requires watch_port or watch_group');
    }
    const { actions, protocols } = parseActions(actionTexts.join(','), this.#options);
    // As in the C tools the actions of the last bucket alone decide; what cannot be sent is found out later.
    this.#protocols = protocols;
    return { weight, bucketId, watchPort, watchGroup, actions };
  }
}

/** One command, or `any` when each text may begin with one. */
export type GroupTextCommand = GroupCommand | 'any';

/** Reads a group modification. @throws ParseError with C's text */
export function parseGroupMod(
  text: string,
  command: GroupTextCommand,
  options: ParseOptions = {},
): Parsed<GroupMod> {
  return parsing(() => {
    if (command !== 'any') return new GroupParser(command, options).parse(text);
    const { command: named, rest } = takeCommand(text, COMMANDS);
    return new GroupParser(named ?? 'add', options).parse(rest);
  });
}

/** Reads a file of group modifications. @throws ParseError */
export function parseGroupModFile(
  name: string,
  file: string,
  command: GroupTextCommand,
  options: ParseOptions = {},
): Parsed<GroupMod[]> {
  let protocols: Protocols = P.ANY;
  const value = parseLines(name, file, (text) => {
    const parsed = parseGroupMod(text, command, options);
    protocols &= parsed.protocols;
    return parsed.value;
  });
  return { value, protocols };
}
