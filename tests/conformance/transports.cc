// The transports that the suite runs over.
#include <filesystem>

#include "conformance/fixture.h"
#include "support/temporary_directory.h"

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

Locator unknown_on_this_host(const Locator& /*like*/) {
  return Locator(Locator::ThisHost{SurfaceId::random()});
}

// A directory for segments that nobody else uses, on the file system of the usual one.
std::shared_ptr<TemporaryDirectory> segment_directory() {
  return std::make_shared<TemporaryDirectory>("/dev/shm");
}

// Shared memory in a directory that it keeps.
class Keeping : public Transport {
 public:
  // Under `vanish` they are gone by the time that they are opened.
  enum class Segments { stay, vanish };
  explicit Keeping(std::shared_ptr<TemporaryDirectory> directory, Segments segments = Segments::stay)
      : directory_(std::move(directory)),
        segments_(segments),
        inner_(shm_transport({.directory = directory_->path()})) {}

  std::string_view name() const override { return inner_->name(); }
  bool can_reach(const Locator& locator) const override { return inner_->can_reach(locator); }
  bool enforces_access() const override { return true; }
  bool keeps_surfaces() const override { return true; }
  std::shared_ptr<void> attach(EventLoop& loop) override { return inner_->attach(loop); }
  Result<std::shared_ptr<Region>> allocate(const Manifest& manifest, const Offer& offer) override {
    return inner_->allocate(manifest, offer);
  }
  Result<std::unique_ptr<Exposure>> expose(std::shared_ptr<const Store> store, const Offer& offer,
                                           EventLoop& loop, std::shared_ptr<Observer> observer) override {
    return inner_->expose(std::move(store), offer, loop, std::move(observer));
  }
  Result<std::shared_ptr<const Store>> open(const Locator& locator, EventLoop& loop) override {
    vanish();
    return inner_->open(locator, loop);
  }
  Result<std::unique_ptr<Follower>> follow(const Locator& locator, Sink& sink, EventLoop& loop) override {
    vanish();
    return inner_->follow(locator, sink, loop);
  }
  Result<std::unique_ptr<Fetch>> pull(const Locator& locator, Sink& sink, EventLoop& loop) override {
    vanish();
    return inner_->pull(locator, sink, loop);
  }

 private:
  void vanish() const {
    if (segments_ == Segments::stay) return;
    for (const auto& entry : std::filesystem::directory_iterator(directory_->path()))
      if (!entry.path().filename().string().starts_with("rgtp-owner-")) std::filesystem::remove(entry.path());
  }

  const std::shared_ptr<TemporaryDirectory> directory_;
  const Segments segments_;
  const std::shared_ptr<Transport> inner_;
};

const TransportUnderTest udp{.name = "udp",
                             .make =
                                 [](auto& exposer, auto& puller) {
                                   exposer = {udp_transport()};
                                   puller = {udp_transport()};
                                 },
                             .unknown = unknown_network,
                             .winner = "udp"};
const TransportUnderTest inproc{.name = "inproc",
                                .make =
                                    [](auto& exposer, auto& puller) {
                                      exposer = {inproc_transport()};
                                      puller = exposer;
                                    },
                                .unknown = unknown_inproc,
                                .winner = "inproc",
                                .gives_memory = true};
const TransportUnderTest shm{.name = "shm",
                             .make =
                                 [](auto& exposer, auto& puller) {
                                   const auto directory = segment_directory();
                                   exposer = {std::make_shared<Keeping>(directory)};
                                   puller = {std::make_shared<Keeping>(directory)};
                                 },
                             .unknown = unknown_on_this_host,
                             .winner = "shm",
                             .gives_memory = true};

// Whose bytes are a private, verified copy by every transport.
TransportUnderTest sealed(TransportUnderTest transport) {
  transport.name += "_sealed";
  transport.protection = Protection::sealed;
  transport.reads_memory = transport.reads_memory || transport.gives_memory;
  transport.gives_memory = false;
  return transport;
}
TransportUnderTest rooted(TransportUnderTest transport) {
  transport.name += "_rooted";
  transport.rooted = true;
  transport.reads_memory = transport.reads_memory || transport.gives_memory;
  transport.gives_memory = false;
  return transport;
}

const auto all_transports = testing::Values(
    udp,
    TransportUnderTest{.name = "udp_mtu_1500",
                       .needs = Needs::ipv6,
                       .make =
                           [](auto& exposer, auto& puller) {
                             exposer = {udp_transport({.bind = "[::1]:0"})};
                             puller = {udp_transport({.mtu = 1500})};
                           },
                       .unknown = unknown_network,
                       .winner = "udp"},
    TransportUnderTest{.name = "udp_without_offload",
                       .make =
                           [](auto& exposer, auto& puller) {
                             exposer = {udp_transport({.offload = Offload::off})};
                             puller = {udp_transport({.mtu = 1500, .offload = Offload::off})};
                           },
                       .unknown = unknown_network,
                       .winner = "udp"},
    // The puller's socket is connected: it takes answers from the address that it asked alone.
    TransportUnderTest{.name = "udp_wildcard",
                       .make =
                           [](auto& exposer, auto& puller) {
                             exposer = {udp_transport({.bind = "0.0.0.0:0", .advertise = "127.0.0.2"})};
                             puller = {udp_transport()};
                           },
                       .unknown = unknown_network,
                       .winner = "udp"},
    TransportUnderTest{.name = "udp_dual_stack",
                       .needs = Needs::ipv6,
                       .make =
                           [](auto& exposer, auto& puller) {
                             exposer = {udp_transport({.bind = "[::]:0", .advertise = "127.0.0.3"})};
                             puller = {udp_transport()};
                           },
                       .unknown = unknown_network,
                       .winner = "udp"},
    inproc, shm,
    TransportUnderTest{.name = "auto_with_a_segment",
                       .make =
                           [](auto& exposer, auto& puller) {
                             const auto directory = segment_directory();
                             exposer = {std::make_shared<Keeping>(directory), udp_transport()};
                             puller = {std::make_shared<Keeping>(directory), udp_transport()};
                           },
                       .unknown = unknown_network,
                       .winner = "shm",
                       .gives_memory = true},
    TransportUnderTest{.name = "auto_without_a_segment",
                       .make =
                           [](auto& exposer, auto& puller) {
                             exposer = {udp_transport()};
                             puller = {std::make_shared<Keeping>(segment_directory()), udp_transport()};
                           },
                       .unknown = unknown_network,
                       .winner = "udp"},
    TransportUnderTest{
        .name = "auto_with_a_segment_that_goes_before_it_is_opened",
        .make =
            [](auto& exposer, auto& puller) {
              const auto directory = segment_directory();
              exposer = {std::make_shared<Keeping>(directory), udp_transport()};
              puller = {std::make_shared<Keeping>(directory, Keeping::Segments::vanish), udp_transport()};
            },
        .unknown = unknown_network,
        .winner = "udp"});

const auto name_of = [](const auto& parameter) { return parameter.param.name; };
INSTANTIATE_TEST_SUITE_P(Over, Conformance, all_transports, name_of);
INSTANTIATE_TEST_SUITE_P(Over, Growing, all_transports, name_of);

const auto sealed_transports = testing::Values(sealed(udp), sealed(inproc), sealed(shm));
INSTANTIATE_TEST_SUITE_P(Sealed, Conformance, sealed_transports, name_of);
INSTANTIATE_TEST_SUITE_P(Sealed, Growing, sealed_transports, name_of);
// What grows has no root.
INSTANTIATE_TEST_SUITE_P(Rooted, Conformance,
                         testing::Values(rooted(udp), rooted(inproc), rooted(shm), rooted(sealed(udp)),
                                         rooted(sealed(shm))),
                         name_of);

}  // namespace
}  // namespace rgtp::test
