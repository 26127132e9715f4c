/**
 * The names of the C implementation's logging modules. Scripts name them in `-v` and `vlog/set`, so they are taken
 * for modules also where this program has none of that name, or has not loaded it yet.
 */
export const C_MODULES: ReadonlySet<string> = new Set(
  `
  backtrace bfd bond bridge bundle bundles cfm collectors command_line connmgr conntrack conntrack_tp
  cooperative_multitasking coverage ct_dpif daemon daemon_unix db_ctl_base dns_resolve dp_packet_gso dpdk dpif
  dpif_lookup_autovalidator dpif_lookup_generic dpif_mfex_extract_study dpif_netdev dpif_netdev_extract
  dpif_netdev_impl dpif_netdev_lookup dpif_netlink dpif_netlink_rtnl dpif_offload dpif_offload_dummy
  dpif_offload_tc dpif_offload_tc_netdev entropy fail_open fatal_signal flow hmap in_band ipf ipfix jsonrpc
  lacp learning_switch lldp lldpd lldpd_structs lockfile memory meta_flow native_tnl netdev netdev_dummy
  netdev_linux netdev_vport netflow netlink netlink_conntrack netlink_notifier netlink_socket nx_match
  odp_execute odp_execute_impl odp_util ofctl ofp_actions ofp_bundle ofp_connection ofp_ct ofp_errors ofp_flow
  ofp_group ofp_match ofp_meter ofp_monitor ofp_msgs ofp_packet ofp_port ofp_protocol ofp_queue ofp_table
  ofp_util ofproto ofproto_dpif ofproto_dpif_mirror ofproto_dpif_monitor ofproto_dpif_rid ofproto_dpif_upcall
  ofproto_dpif_xlate ofproto_xlate_cache ovs_lldp ovs_numa ovs_rcu ovs_replay ovs_router ovs_thread ovsdb
  ovsdb_client ovsdb_cs ovsdb_error ovsdb_file ovsdb_idl ovsdb_jsonrpc_server ovsdb_log ovsdb_monitor
  ovsdb_rbac ovsdb_server ovsdb_util ox_stat pcap pmd_perf poll_loop process raft raft_rpc rconn reconnect
  relay replication route_table rstp rstp_sm sflow socket_util socket_util_unix stopwatch storage stp stream
  stream_fd stream_replay stream_ssl stream_tcp stream_unix svec system_stats tc timeval transaction
  transaction_forward trigger tunnel unixctl userspace_tso util uuid vconn vconn_stream vlog vsctl vswitchd
`
    .trim()
    .split(/\s+/),
);
