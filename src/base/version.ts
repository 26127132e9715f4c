/** The release of the C implementation that this one is a drop-in for, and our own. */
export const OVS_VERSION = '3.7.1';
export const OVS_TS_VERSION = '0.1.0';

/** What `--version` prints first. */
export const versionText = (program: string): string => `${program} (Open vSwitch) ${OVS_VERSION}\n`;
