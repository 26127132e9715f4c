/** Makes a host record, or replay what was recorded: `--record[=DIR]`, `--replay[=DIR]`. See ovs-replay(7) of C. */
import path from 'node:path';
import type { Host } from '../../base/host.ts';
import { RecordingStreams } from './recording-streams.ts';
import { RecordedFiles, Recording } from './replay-file.ts';
import { RANDOM_FILE, RecordingRandom, ReplayingRandom } from './replay-random.ts';
import { ReplayingStreams, ReplayPosition } from './replaying-streams.ts';

export type ReplayMode = 'record' | 'replay';

/**
 * The parts of a host that change.
 * @param dir relative names count from the run directory, which is also the default
 * @throws SystemError when there is nothing to replay
 */
export function withReplay(
  { streams, random, loop, dirs }: Host,
  mode: ReplayMode,
  dir = '',
): Pick<Host, 'streams' | 'random'> {
  const directory = path.resolve(dirs.run, dir);
  if (mode === 'record') {
    const recording = new Recording(directory);
    return {
      random: new RecordingRandom(random, recording.open(RANDOM_FILE)),
      streams: new RecordingStreams(streams, recording, loop),
    };
  }
  const files = new RecordedFiles(directory);
  const position = new ReplayPosition(loop);
  const drawn = files.take(RANDOM_FILE);
  if (drawn) position.done(drawn.seqno);
  return {
    random: new ReplayingRandom(random, position, drawn?.records ?? []),
    streams: new ReplayingStreams(files, position),
  };
}
