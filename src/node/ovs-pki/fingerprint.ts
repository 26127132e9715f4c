/** The fingerprint of a file, by which people compare certificates and requests over another channel. */
import { createHash, X509Certificate } from 'node:crypto';
import fs from 'node:fs';

/** As date(1) prints it. */
function dateText(date: Date): string {
  const parts = new Intl.DateTimeFormat('en-US', {
    ...{ weekday: 'short', month: 'short', day: 'numeric', year: 'numeric' },
    ...{ hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23', timeZoneName: 'short' },
  }).formatToParts(date);
  const at = (type: string): string => parts.find((part) => part.type === type)?.value ?? '';
  const time = `${at('hour')}:${at('minute')}:${at('second')}`;
  return `${at('weekday')} ${at('month')} ${at('day').padStart(2)} ${time} ${at('timeZoneName')} ${at('year')}`;
}

/** What the tool prints about a file that exists. */
export function fingerprintText(file: string): string {
  const bytes = fs.readFileSync(file);
  const fingerprint = bytes.includes('-BEGIN CERTIFICATE-')
    ? new X509Certificate(bytes).fingerprint.replaceAll(':', '')
    : createHash('sha1').update(bytes).digest('hex');
  const told = file.startsWith(fingerprint)
    ? '(correct fingerprint in filename)'
    : `fingerprint ${fingerprint}`;
  return `${file}\t${dateText(fs.statSync(file).mtime)}\n\t${told}\n`;
}
