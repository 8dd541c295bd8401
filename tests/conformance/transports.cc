// The transports that the suite runs over.
#include "conformance/fixture.h"

namespace rgtp::test {
namespace {

Locator unknown_network(const Locator& like) {
  auto where = std::get<Locator::Network>(like.where());
  where.id = SurfaceId::random();
  return Locator(where);
}

Locator unknown_inproc(const Locator& /*like*/) {
  return Locator(Locator::Other{"inproc", SurfaceId::random().to_hex()});
}

INSTANTIATE_TEST_SUITE_P(
    Over, Conformance,
    testing::Values(
        TransportUnderTest{"udp", Needs::nothing,
                           [](auto& exposer, auto& puller) {
                             exposer = {udp_transport()};
                             puller = {udp_transport()};
                           },
                           unknown_network},
        TransportUnderTest{"udp_mtu_1500", Needs::ipv6,
                           [](auto& exposer, auto& puller) {
                             exposer = {udp_transport({.bind = "[::1]:0"})};
                             puller = {udp_transport({.mtu = 1500})};
                           },
                           unknown_network},
        // The puller's socket is connected: it takes answers from the address that it asked alone.
        TransportUnderTest{"udp_wildcard", Needs::nothing,
                           [](auto& exposer, auto& puller) {
                             exposer = {udp_transport({.bind = "0.0.0.0:0", .advertise = "127.0.0.2"})};
                             puller = {udp_transport()};
                           },
                           unknown_network},
        TransportUnderTest{"udp_dual_stack", Needs::ipv6,
                           [](auto& exposer, auto& puller) {
                             exposer = {udp_transport({.bind = "[::]:0", .advertise = "127.0.0.3"})};
                             puller = {udp_transport()};
                           },
                           unknown_network},
        TransportUnderTest{"inproc", Needs::nothing,
                           [](auto& exposer, auto& puller) {
                             exposer = {inproc_transport()};
                             puller = exposer;
                           },
                           unknown_inproc}),
    [](const auto& parameter) { return parameter.param.name; });

}  // namespace
}  // namespace rgtp::test
