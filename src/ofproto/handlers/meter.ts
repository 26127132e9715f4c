/** Messages about meters. */
import type { Handler } from './handler.ts';

export const handleMeterMod: Handler<'meter_mod'> = (m, r) => {
  r.rejectSecondary();
  r.ofproto.meters.modify(m);
  r.ofproto.connections.sendRequestForward(r.conn, m);
};

export const handleMeterStatsRequest: Handler<'meter_stats_request'> = (m, r) => {
  const { meters } = r.ofproto;
  r.reply({
    kind: 'meter_stats_reply',
    meters: meters.select(m.meterId).map((meter) => meters.stats(meter)),
  });
};

export const handleMeterConfigRequest: Handler<'meter_config_stats_request'> = (m, r) =>
  r.reply({
    kind: 'meter_config_stats_reply',
    meters: r.ofproto.meters.select(m.meterId).map((meter) => meter.config),
  });

export const handleMeterFeaturesRequest: Handler<'meter_features_stats_request'> = (_, r) =>
  r.reply({ kind: 'meter_features_stats_reply', ...r.ofproto.provider.meterFeatures });
