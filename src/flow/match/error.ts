/**
 * What a peer did wrong in a match or field, by the name of the OpenFlow error that tells it so.
 */
export type MatchErrorName =
  | 'OFPBMC_BAD_TYPE'
  | 'OFPBMC_BAD_LEN'
  | 'OFPBMC_BAD_WILDCARDS'
  | 'OFPBMC_BAD_FIELD'
  | 'OFPBMC_BAD_VALUE'
  | 'OFPBMC_BAD_MASK'
  | 'OFPBMC_BAD_PREREQ'
  | 'OFPBMC_DUP_FIELD'
  | 'OFPBAC_BAD_SET_TYPE'
  | 'OFPBAC_BAD_SET_LEN'
  | 'OFPBRC_PIPELINE_FIELDS_ONLY'
  | 'NXFMFC_INVALID_TLV_FIELD';

export class MatchError extends Error {
  override readonly name: MatchErrorName;
  constructor(name: MatchErrorName, detail = '') {
    super(detail === '' ? name : `${name}: ${detail}`);
    this.name = name;
  }
}
