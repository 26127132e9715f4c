// ovs-ctl on directories of its own, with a switch that touches no device.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { Daemons, program, type RunResult, whyNoDebian } from '../support/daemons.ts';

const SCHEMA = path.resolve(import.meta.dirname, '../../dist/share/vswitch.ovsschema');
const CURRENT = (JSON.parse(fs.readFileSync(SCHEMA, 'utf8')) as { version: string }).version;
const TIMEOUT_MS = 120_000;
/** A switch without devices, and nothing of the machine's that the tests would depend on. */
const QUIET = [
  ...['--no-mlockall', '--no-record-hostname', '--ovsdb-server-priority=', '--ovs-vswitchd-priority='],
  '--ovs-vswitchd-options=--enable-dummy=override --disable-system',
];

/** A system: its directories, and what ovs-ctl and the other programs do there. */
class System {
  readonly dir = fs.mkdtempSync(path.join(os.tmpdir(), 'ovs-ctl-'));
  readonly database = path.join(this.dir, 'db/conf.db');

  try(name: string, ...args: string[]): RunResult {
    const { status, stdout, stderr } = spawnSync(program('ours', name), args, {
      encoding: 'utf8',
      timeout: TIMEOUT_MS,
      env: {
        ...process.env,
        OVS_RUNDIR: path.join(this.dir, 'run'),
        OVS_LOGDIR: path.join(this.dir, 'log'),
        OVS_DBDIR: path.join(this.dir, 'db'),
        OVS_SYSCONFDIR: path.join(this.dir, 'etc'),
        TMPDIR: this.dir,
      },
    });
    return { status, stdout, stderr };
  }

  tool(name: string, ...args: string[]): string {
    const { status, stdout, stderr } = this.try(name, ...args);
    assert.equal(status, 0, `${name} ${args.join(' ')}: ${stdout}${stderr}`);
    return stdout;
  }

  /** ovs-ctl with the options that start a switch without devices. */
  tryCtl(...args: string[]): RunResult {
    return this.try('ovs-ctl', ...QUIET, ...args);
  }

  ctl(...args: string[]): string {
    const { status, stdout, stderr } = this.tryCtl(...args);
    assert.equal(status, 0, stdout + stderr);
    return stdout;
  }

  pid(daemon: string): string {
    return fs.readFileSync(path.join(this.dir, `run/${daemon}.pid`), 'utf8').trim();
  }

  remove(): void {
    this.tryCtl('stop');
    fs.rmSync(this.dir, { recursive: true });
  }
}

const systems: System[] = [];
after(() => {
  for (const s of systems) s.remove();
});

function system(): System {
  const made = new System();
  systems.push(made);
  return made;
}

describe('a command line', () => {
  const s = system();
  const complaint = (...args: string[]): string => {
    const { status, stderr } = s.try('ovs-ctl', ...args);
    assert.equal(status, 1);
    return stderr;
  };

  test('that is not good is told', () => {
    assert.equal(complaint(), 'ovs-ctl: missing command name (use --help for help)\n');
    assert.equal(complaint('frob'), 'ovs-ctl: unknown command "frob" (use --help for help)\n');
    assert.equal(
      complaint('start', 'stop'),
      'ovs-ctl: exactly one non-option argument required (use --help for help)\n',
    );
    assert.equal(complaint('-x', 'status'), 'ovs-ctl: unknown option "-x" (use --help for help)\n');
    assert.equal(
      complaint('--external-id=a', 'start'),
      'ovs-ctl: --external-id argument not in the form "key=value"\n',
    );
    assert.match(complaint('load-kmod'), /no kernel module/);
    assert.match(complaint('force-reload-kmod'), /no kernel module/);
    assert.match(complaint('--ovs-user=nobody', 'start'), /--ovs-user is not supported/);
    assert.deepEqual(fs.readdirSync(s.dir), []);
  });

  test('may have options of another release, which are complained about and passed over', () => {
    const { status, stdout, stderr } = s.try('ovs-ctl', '--frob', '--no-db-file', 'stop');
    assert.equal(status, 0);
    assert.equal(stdout, 'ovs-vswitchd is not running.\novsdb-server is not running.\n');
    assert.equal(
      stderr,
      'ovs-ctl: unknown option "--frob" (use --help for help)\n' +
        'ovs-ctl: unknown option "--no-db-file" (use --help for help)\n',
    );
  });

  test('asks for help and for versions', () => {
    assert.match(s.tool('ovs-ctl', '--help'), /usage: ovs-ctl.* restart .*--db-schema=FILE/s);
    assert.equal(s.tool('ovs-ctl', 'help'), s.tool('ovs-ctl', '-h'));
    assert.equal(s.tool('ovs-ctl', '--version'), 'ovs-ctl (Open vSwitch) 3.7.1\n');
    assert.match(s.tool('ovs-ctl', 'version'), /^ovsdb-server .*\novs-vswitchd \(Open vSwitch\) 3\.7\.1\n/);
  });
});

describe('a new system', () => {
  const s = system();

  test('is started with a database, which says what system it is', () => {
    const type = ['--system-type=box', '--system-version=2 b'];
    assert.equal(
      s.ctl('start', '--system-id=random', ...type, '--external-id=where=rack 5'),
      `${s.database} does not exist ... (warning).
Creating empty database ${s.database}.
Starting ovsdb-server.
Configuring Open vSwitch system IDs.
Starting ovs-vswitchd.
Enabling remote OVSDB managers.
`,
    );
    const get = (column: string): string => s.tool('ovs-vsctl', 'get', 'Open_vSwitch', '.', column).trim();
    const id = fs.readFileSync(path.join(s.dir, 'etc/openvswitch/system-id.conf'), 'utf8').trim();
    assert.match(id, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    assert.equal(get('external_ids:system-id'), `"${id}"`);
    assert.equal(get('external_ids:rundir'), `"${s.dir}/run"`);
    assert.equal(get('external_ids:where'), '"rack 5"');
    assert.equal(get('system_type'), 'box');
    assert.equal(get('system_version'), '"2 b"');
    assert.equal(get('db_version'), `"${CURRENT}"`);
    assert.equal(get('ovs_version'), '"3.7.1"');
  });

  test('runs, and is not started twice', () => {
    const status = `ovsdb-server is running with pid ${s.pid('ovsdb-server')}
ovs-vswitchd is running with pid ${s.pid('ovs-vswitchd')}
`;
    assert.equal(s.ctl('status'), status);
    assert.equal(
      s.ctl('start', '--system-id=random'),
      'ovsdb-server is already running.\novs-vswitchd is already running.\nEnabling remote OVSDB managers.\n',
    );
    assert.equal(s.ctl('status'), status);
  });

  test('records its host name unless it has one', () => {
    s.tool('ovs-ctl', '--no-full-hostname', 'record-hostname-if-not-set');
    const name = (): string =>
      s.tool('ovs-vsctl', 'get', 'Open_vSwitch', '.', 'external_ids:hostname').trim().replaceAll('"', '');
    assert.equal(name(), os.hostname());
    s.tool('ovs-vsctl', 'set', 'Open_vSwitch', '.', 'external_ids:hostname=other');
    s.tool('ovs-ctl', '--no-full-hostname', 'record-hostname-if-not-set');
    assert.equal(name(), 'other');
  });

  test('is stopped', () => {
    const [server, daemon] = [s.pid('ovsdb-server'), s.pid('ovs-vswitchd')];
    assert.equal(s.ctl('stop'), `Exiting ovs-vswitchd (${daemon}).\nExiting ovsdb-server (${server}).\n`);
    const { status, stdout } = s.tryCtl('status');
    assert.equal(status, 1);
    assert.equal(stdout, 'ovsdb-server is not running\novs-vswitchd is not running\n');
  });

  test('keeps its id when it is started again, and may lose its bridges', () => {
    const id = fs.readFileSync(path.join(s.dir, 'etc/openvswitch/system-id.conf'), 'utf8').trim();
    s.ctl('start', '--system-id=random', '--no-ovs-vswitchd');
    s.tool('ovs-vsctl', '--no-wait', 'add-br', 'br0');
    s.ctl('restart', '--system-id=random', '--no-ovs-vswitchd');
    assert.equal(s.tool('ovs-vsctl', 'list-br'), 'br0\n');
    s.ctl('restart', '--system-id=random', '--no-ovs-vswitchd', '--delete-bridges');
    assert.equal(s.tool('ovs-vsctl', 'list-br'), '');
    assert.equal(s.tool('ovs-vsctl', 'get', 'Open_vSwitch', '.', 'external_ids:system-id'), `"${id}"\n`);
    assert.match(s.tryCtl('status').stdout, /^ovsdb-server is running .*\novs-vswitchd is not running\n$/);
  });
});

test('a restart keeps flows, groups and tunnel options', () => {
  const s = system();
  s.ctl('start', '--system-id=random', '--no-monitor');
  const bridge = (name: string): string[] => [
    'add-br',
    name,
    '--',
    'set',
    'bridge',
    name,
    'datapath_type=dummy',
  ];
  s.tool('ovs-vsctl', ...bridge('br0'), '--', ...bridge('br1'), 'protocols=OpenFlow10');
  s.tool('ovs-ofctl', 'add-tlv-map', 'br0', '{class=0xffff,type=0,len=4}->tun_metadata0');
  s.tool('ovs-ofctl', '-OOpenFlow14', 'add-group', 'br0', 'group_id=5,type=all,bucket=actions=output:2');
  s.tool('ovs-ofctl', '-OOpenFlow14', 'add-flow', 'br0', 'priority=7,ip,nw_proto=2,actions=group:5');
  s.tool(
    'ovs-ofctl',
    '-OOpenFlow14',
    'add-flow',
    'br0',
    'cookie=0x12,table=3,tun_metadata0=0x1234,actions=drop',
  );
  s.tool('ovs-ofctl', 'add-flow', 'br1', 'tcp,tp_dst=80,actions=IN_PORT');
  const tables = (): string[] => [
    s.tool('ovs-ofctl', '-OOpenFlow14', '--no-stats', 'dump-flows', 'br0'),
    s.tool('ovs-ofctl', '-OOpenFlow14', 'dump-groups', 'br0'),
    s.tool('ovs-ofctl', 'dump-tlv-map', 'br0'),
    s.tool('ovs-ofctl', '--no-stats', 'dump-flows', 'br1'),
  ];
  const before = tables();
  const [server, daemon] = [s.pid('ovsdb-server'), s.pid('ovs-vswitchd')];
  assert.equal(
    s.ctl('restart', '--system-id=random', '--no-monitor'),
    `Saving flows.
Exiting ovsdb-server (${server}).
Starting ovsdb-server.
Configuring Open vSwitch system IDs.
Exiting ovs-vswitchd (${daemon}).
Starting ovs-vswitchd.
Restoring saved flows.
Enabling remote OVSDB managers.
`,
  );
  assert.notEqual(s.pid('ovs-vswitchd'), daemon);
  assert.deepEqual(tables(), before);
  assert.match(before[0]!, /group:5.*tun_metadata0=0x1234/s);
  assert.equal(s.tool('ovs-vsctl', 'get', 'Open_vSwitch', '.', 'other_config'), '{}\n');
  assert.deepEqual(fs.readdirSync(s.dir).sort(), ['db', 'etc', 'log', 'run']);
});

describe('a database of an older schema', () => {
  const s = system();
  const old = JSON.parse(fs.readFileSync(SCHEMA, 'utf8')) as {
    version: string;
    cksum?: string;
    tables: Record<string, { columns: Record<string, unknown> }>;
  };
  old.version = '8.3.0';
  delete old.cksum;
  delete old.tables['Interface']!.columns['bfd_status'];
  const oldSchema = path.join(s.dir, 'old.ovsschema');
  const first = path.join(s.dir, 'first.db');
  const backups = (): string[] =>
    fs
      .readdirSync(path.join(s.dir, 'db'))
      .filter((name) => name.startsWith('conf.db.backup'))
      .sort();
  const putOld = (kept: string): void => {
    fs.rmSync(s.database, { force: true });
    s.tool('ovsdb-tool', 'create', s.database, oldSchema);
    const row = { external_ids: ['map', [['kept', kept]]] };
    s.tool(
      'ovsdb-tool',
      'transact',
      s.database,
      JSON.stringify(['Open_vSwitch', { op: 'insert', table: 'Open_vSwitch', row }]),
    );
  };
  const start = (): string => s.ctl('start', '--system-id=random', '--no-ovs-vswitchd', '--no-monitor');

  test('is converted, with its rows, and a copy is kept', () => {
    fs.writeFileSync(oldSchema, JSON.stringify(old));
    fs.mkdirSync(path.join(s.dir, 'db'));
    putOld('one');
    fs.copyFileSync(s.database, first);
    const [checksum] = s.tool('ovsdb-tool', 'db-cksum', s.database).trim().split(' ');
    const backup = `conf.db.backup8.3.0-${checksum}`;
    assert.equal(
      start(),
      `Backing up database to ${s.dir}/db/${backup}.
Compacting database.
Converting database schema.
Starting ovsdb-server.
Configuring Open vSwitch system IDs.
Enabling remote OVSDB managers.
`,
    );
    assert.deepEqual(backups(), [backup]);
    assert.deepEqual(fs.readFileSync(path.join(s.dir, 'db', backup)), fs.readFileSync(first));
    assert.equal(s.tool('ovs-vsctl', 'get', 'Open_vSwitch', '.', 'external_ids:kept'), 'one\n');
    s.ctl('stop');
    assert.equal(s.tool('ovsdb-tool', 'db-version', s.database), `${CURRENT}\n`);
  });

  test('is not backed up over an older copy', () => {
    putOld('two');
    start();
    const [older, newer, ...more] = backups();
    assert.deepEqual(more, []);
    assert.equal(newer, `${older}.1`);
    assert.deepEqual(fs.readFileSync(path.join(s.dir, 'db', older!)), fs.readFileSync(first));
    assert.equal(s.tool('ovs-vsctl', 'get', 'Open_vSwitch', '.', 'external_ids:kept'), 'two\n');
    // One that needs no conversion gets no copy.
    s.ctl('restart', '--system-id=random', '--no-ovs-vswitchd', '--no-monitor');
    assert.equal(backups().length, 2);
  });
});

test('a file that is no database stays as it is, and nothing starts', () => {
  const s = system();
  fs.mkdirSync(path.join(s.dir, 'db'));
  fs.writeFileSync(s.database, 'precious\n');
  const { status, stdout, stderr } = s.tryCtl('start', '--system-id=random');
  assert.equal(status, 1);
  assert.equal(stdout, 'Starting ovsdb-server ... failed!\n');
  assert.match(stderr, /conf\.db/);
  assert.equal(fs.readFileSync(s.database, 'utf8'), 'precious\n');
  assert.equal(s.tryCtl('status').status, 1);
});

test("a pidfile that names somebody else's process ends nobody", () => {
  const s = system();
  fs.mkdirSync(path.join(s.dir, 'run'));
  const pidfile = path.join(s.dir, 'run/ovsdb-server.pid');
  fs.writeFileSync(pidfile, `${process.pid}\n`);
  assert.equal(
    s.tryCtl('status').stdout,
    `Pidfile for ovsdb-server (${pidfile}) is stale\novsdb-server is not running\novs-vswitchd is not running\n`,
  );
  assert.equal(s.ctl('stop'), 'ovs-vswitchd is not running.\n');
  fs.writeFileSync(pidfile, 'x\n');
  assert.match(s.tryCtl('status').stdout, /^Pidfile for ovsdb-server .* exists but cannot be read\n/);
});

test("Debian's switch is replaced by this one, with its database and flows", {
  skip: whyNoDebian() ?? false,
}, async () => {
  const theirs = await Daemons.start('theirs', 'switch', '--enable-dummy=override');
  const ctl = (...args: string[]): RunResult => theirs.try('ovs-ctl', [...QUIET, ...args], { side: 'ours' });
  try {
    const version = theirs.tool('ovsdb-tool', 'db-version', `${theirs.dir}/conf.db`).trim();
    theirs.tool('ovs-vsctl', 'add-br', 'br0', '--', 'set', 'bridge', 'br0', 'datapath_type=dummy');
    theirs.tool('ovs-ofctl', 'add-flow', 'br0', 'priority=9,arp,actions=drop');
    const [server, daemon] = [theirs.pid('ovsdb-server'), theirs.pid('ovs-vswitchd')];
    const { status, stdout, stderr } = ctl('restart', '--system-id=random');
    assert.equal(status, 0, stdout + stderr);
    const lines = stdout.split('\n');
    assert.equal(lines[0], 'Saving flows.');
    assert.equal(lines[1], `Exiting ovsdb-server (${server}).`);
    assert.ok(lines[2]!.startsWith(`Backing up database to ${theirs.dir}/conf.db.backup${version}-`), stdout);
    assert.ok(lines.includes(`Exiting ovs-vswitchd (${daemon}).`), stdout);
    assert.doesNotMatch(stdout, /Killing|failed/);
    assert.equal(theirs.tool('ovs-vsctl', 'get', 'Open_vSwitch', '.', 'ovs_version'), '"3.7.1"\n');
    assert.match(theirs.tool('ovs-ofctl', 'dump-flows', 'br0'), /priority=9,arp actions=drop/);
  } finally {
    ctl('stop');
    await theirs.stop();
  }
});
