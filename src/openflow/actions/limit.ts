/** The rate limit that all messages about bad actions share. */
import { RateLimit } from '../../base/vlog.ts';

export const limit = new RateLimit(1, 5);
