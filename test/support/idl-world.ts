/** For tests: a database server and IDL clients in a simulated world. */
import type { DbClientOptions } from '../../src/ovsdb/idl/db-client.ts';
import { Idl } from '../../src/ovsdb/idl/idl.ts';
import type { Txn, TxnStatus } from '../../src/ovsdb/idl/txn.ts';
import { type OpenVswitchSchema, openVswitchSchema } from '../../src/ovsdb/schemas/open-vswitch.ts';
import { schemaJson } from '../../src/ovsdb/schemas/schema-json.ts';
import { inVirtualTime, pass, SIM_DATABASE, startSimDatabase } from '../../src/sim/sim-database.ts';
import { SimHost } from '../../src/sim/sim-host.ts';

export type OvsIdl = Idl<OpenVswitchSchema>;
export type OvsTxn = Txn<OpenVswitchSchema>;

export class IdlWorld {
  readonly host = new SimHost();

  /** Starts a server with an Open_vSwitch database; on a later call, on the same file. */
  startServer() {
    return startSimDatabase(this.host, schemaJson(openVswitchSchema));
  }

  pass(ms: number): Promise<void> {
    return pass(this.host, ms);
  }

  within<T>(promise: Promise<T>): Promise<T> {
    return inVirtualTime(this.host, promise);
  }

  /** A client that has the contents. */
  async client(
    prepare: (idl: OvsIdl) => void = (idl) => idl.monitorAll(),
    options: DbClientOptions = {},
  ): Promise<OvsIdl> {
    const idl = new Idl(this.host, openVswitchSchema);
    prepare(idl);
    idl.connect([SIM_DATABASE], options);
    await this.pass(50);
    return idl;
  }

  /** Carries out a transaction and lets everybody learn of it. */
  async write(idl: OvsIdl, body: (txn: OvsTxn) => void): Promise<TxnStatus> {
    const txn = idl.txn();
    body(txn);
    const status = await this.within(txn.commit());
    await this.pass(50);
    return status;
  }
}

/** A world with a server. */
export async function idlWorld(): Promise<
  IdlWorld & { server: Awaited<ReturnType<IdlWorld['startServer']>> }
> {
  const world = new IdlWorld();
  return Object.assign(world, { server: await world.startServer() });
}
