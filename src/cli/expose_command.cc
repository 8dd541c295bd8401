#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <rgtp/rgtp.h>

#include "cli/advertiser.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/routes.h"
#include "cli/streams.h"
#include "cli/users.h"

namespace rgtp::cli {

namespace {

struct ExposeArguments {
  std::vector<std::string> files;
  std::string route = "auto";
  std::string local_name;
  std::string name;
  std::vector<std::string> allowed;  // where empty, this user alone
  bool snapshot = false;
  bool sealed = false;
  bool rooted = false;
  bool key_in_local_name = false;
  bool persistent = false;
  std::string group;  // empty where no group is told
  bool advertises_ids = false;
  std::optional<std::uint64_t> size;  // of what comes on stdin
  std::uint64_t capacity = std::uint64_t{64} << 30;
  UdpOptions udp;
  bool verbose = false;
};

void print_stats(const Surface& surface) {
  const Stats stats = surface.stats();
  say(fmt::format("{}: {} requests, {} datagrams and {} bytes sent, {} slices not served for lack of room\n",
                  surface.manifest().name, stats.requests, stats.datagrams_sent, stats.bytes_sent,
                  stats.request_overflows));
}

// One run of `rgtp expose`.
class ExposeRun {
 public:
  ExposeRun(const ExposeArguments& arguments, Signals& signals)
      : arguments_(arguments), signals_(signals), output_(signals) {}

  ExitCode run() {
    if (arguments_.sealed)
      if (auto kept = keep_out_of_dumps(); !kept) return report(kept.error());
    if (!arguments_.allowed.empty()) {
      auto access = access_for(arguments_.allowed);
      if (!access) return report(access.error());
      access_ = std::move(*access);
    }
    UdpOptions udp = arguments_.udp;
    udp.log = log_to_stderr(arguments_.verbose ? Verbosity::verbose : Verbosity::normal);
    auto exposer = Exposer::open(
        {.transports = transports_for(arguments_.route, {.log = udp.log}, udp), .log = udp.log});
    if (!exposer) return report(exposer.error());
    if (!arguments_.group.empty()) {
      auto sender = GroupSender::open(arguments_.group, udp.bind);
      if (!sender) return report(sender.error());
      advertiser_.emplace(std::move(*sender),
                          arguments_.advertises_ids ? AdvertiseIds::yes : AdvertiseIds::no);
    }
    for (const std::string& file : arguments_.files) {
      const auto failed = file == "-" ? expose_stdin(*exposer) : expose_file(*exposer, file);
      if (failed) return *failed;
    }
    if (arguments_.persistent) return leave();
    signals_.wait(tick());
    if (arguments_.verbose)
      for (const Surface& surface : surfaces_) print_stats(surface);
    return ExitCode::ok;
  }

 private:
  // They need no process any more.
  ExitCode leave() {
    for (Surface& surface : surfaces_)
      if (auto left = std::move(surface).leave(); !left) return report(left.error());
    return ExitCode::ok;
  }

  // How the run ends, where it ends here.
  using End = std::optional<ExitCode>;

  End expose_file(Exposer& exposer, const std::string& file) {
    const Source source = arguments_.snapshot ? Source::snapshot(file) : Source::file(file);
    auto surface = signals_.wait_for(exposer.expose(source, options()), tick());
    if (!surface) return ExitCode::ok;  // told to end before it was all tagged
    if (!*surface) return report(surface->error());
    surfaces_.push_back(std::move(**surface));
    return offer(surfaces_.back().locator(), surfaces_.back().manifest());
  }

  // Written in place while it is read: what is there can be pulled.
  End expose_stdin(Exposer& exposer) {
    WriterOptions writing{.size = arguments_.size, .expose = options()};
    if (!writing.size) writing.capacity = arguments_.capacity;
    auto writer = exposer.begin(std::move(writing));
    if (!writer) return report(writer.error());
    if (auto end = offer(writer->locator(), writer->manifest())) return end;
    std::uint64_t size = 0;
    const std::uint64_t most = arguments_.size.value_or(arguments_.capacity);
    const std::uint32_t chunk_bytes = writer->manifest().chunk_bytes;
    while (size < most) {
      const ChunkIndex chunk{static_cast<std::uint32_t>(size / chunk_bytes)};
      const auto loan = writer->loan(chunk);
      if (!loan) return report(loan.error());
      const std::uint64_t begun = size % chunk_bytes;
      const auto got =
          read_some(signals_, loan->subspan(begun, std::min(loan->size() - begun, most - size)), tick());
      if (!got) return exit_code_for(signals_.arrived());
      if (!*got) return report(got->error());
      if (**got == 0) break;
      size += **got;
      if (size % chunk_bytes != 0 && size != arguments_.size) continue;
      if (auto published = writer->publish(chunk); !published) return report(published.error());
    }
    return finish(std::move(*writer), size, most);
  }

  End finish(SurfaceWriter writer, std::uint64_t size, std::uint64_t most) {
    std::byte more{};
    const auto rest =
        size == most ? read_some(signals_, {&more, 1}, tick()) : std::optional<Result<std::size_t>>(0);
    if (!rest) return exit_code_for(signals_.arrived());
    if (!*rest) return report(rest->error());
    if (**rest > 0)
      return report({Errc::too_large, fmt::format("stdin holds more than {} bytes: give a larger {}", most,
                                                  arguments_.size ? "--size, or none" : "--capacity")});
    if (arguments_.size && size < most)
      return report({Errc::invalid_argument,
                     fmt::format("stdin ended after {} of the {} bytes of --size", size, most)});
    auto surface = arguments_.size ? std::move(writer).finish() : std::move(writer).finish(size);
    if (!surface) return report(surface.error());
    surfaces_.push_back(std::move(*surface));
    if (advertiser_) advertiser_->set_size(surfaces_.back().locator(), size);
    return std::nullopt;
  }

  // What is done while something is waited for.
  std::function<void()> tick() {
    return advertiser_ ? [this] { advertiser_->tick(); } : std::function<void()>();
  }

  ExposeOptions options() const {
    return {.name = arguments_.name,
            .protection = arguments_.sealed ? Protection::sealed : Protection::checksum,
            .rooted = arguments_.rooted,
            .access = access_,
            .persistent = arguments_.persistent,
            .local_name = arguments_.local_name,
            .key_in_local_name = arguments_.key_in_local_name};
  }

  // Locators alone on stdout, one a line, at once: a script reads them while this goes on. What nobody can
  // find need not be served.
  End offer(const Locator& locator, const Manifest& manifest) {
    if (advertiser_) advertiser_->add(locator, manifest);
    std::string line = locator.reveal();
    line += '\n';
    const auto written = output_.write(std::as_bytes(std::span(line)));
    wipe(line);
    if (!written) return ExitCode::ok;
    if (!*written) return report(written->error());
    return std::nullopt;
  }

  const ExposeArguments& arguments_;
  Signals& signals_;
  StdoutWriter output_;
  std::vector<Surface> surfaces_;
  std::optional<Access> access_;
  std::optional<Advertiser> advertiser_;
};

}  // namespace

void add_expose_command(CLI::App& app, Run& chosen) {
  auto arguments = std::make_shared<ExposeArguments>();
  CLI::App* command = app.add_subcommand("expose", "Offer files; prints a locator for each");
  command->add_option("FILE", arguments->files, "what to offer; - for stdin, while it is read")->required();
  auto* const size =
      command->add_option("--size", arguments->size, "bytes that will come on stdin, such as 4GB")
          ->transform(CLI::AsSizeValue(false))
          ->option_text("SIZE");
  command->add_option("--capacity", arguments->capacity, "the most that may come, where nobody knows")
      ->transform(CLI::AsSizeValue(false))
      ->check(CLI::PositiveNumber)
      ->option_text("SIZE [64GB]")
      ->excludes(size);
  command->add_option("--bind", arguments->udp.bind, "ADDRESS:PORT to listen on; 0.0.0.0:0 for all")
      ->capture_default_str();
  command->add_option("--advertise", arguments->udp.advertise, "host to name in locators");
  add_packet_options(*command, arguments->udp, "send");
  add_route_option(*command, arguments->route);
  command->add_option("--name", arguments->name, "what pullers and `rgtp ls` call it")->option_text("NAME");
  command->add_option("--local", arguments->local_name, "also found on this host as rgtp://local/NAME")
      ->option_text("NAME");
  command
      ->add_option("--advertise-group", arguments->group, "tell a multicast group, for `rgtp ls --network`")
      ->expected(0, 1)
      ->default_str(default_group)
      ->option_text("[GROUP]");
  command->add_flag("--advertise-ids", arguments->advertises_ids, "and ids: whoever hears them can pull")
      ->group(named_in_the_footer);
  command->add_option("--allow", arguments->allowed, "who else may map it; no packets then")
      ->allow_extra_args(false)
      ->option_text("USER|@GROUP|all");
  command->add_flag("--seal", arguments->sealed, "encrypt; the key is in the locator alone");
  command->add_flag("--verify", arguments->rooted, "name the content by its hash in the locator");
  command->add_flag("--local-key", arguments->key_in_local_name, "put the key under the local name too")
      ->group(named_in_the_footer);
  command->add_flag("--snapshot", arguments->snapshot, "copy the files first: they may change then");
  command->add_flag("--persistent", arguments->persistent, "leave it in this host's memory, and end");
  command->add_flag("--verbose", arguments->verbose, "say more on stderr")->group(named_in_the_footer);
  command->footer(
      "Also: --advertise-ids, --local-key, --mtu BYTES, --no-offload, --verbose.\n"
      "Ends by a signal. Example: rgtp expose model.bin --bind 0.0.0.0:9000");
  command->callback([&chosen, arguments, command] {
    const bool reads_stdin = std::ranges::count(arguments->files, "-") > 0;
    for (const char* const option : {"--size", "--capacity"})
      if (command->count(option) > 0 && !reads_stdin)
        throw CLI::ValidationError(option, "it is said of stdin, which - stands for: a file has its own");
    if (!arguments->local_name.empty() && arguments->files.size() > 1)
      throw CLI::ValidationError("--local", "one name, one file: expose several by several commands");
    if (!arguments->name.empty() && arguments->files.size() > 1)
      throw CLI::ValidationError("--name", "one name, one file: expose several by several commands");
    const bool goes_on_the_network = !arguments->group.empty() || arguments->route == "udp";
    if (arguments->persistent && goes_on_the_network)
      throw CLI::ValidationError("--persistent",
                                 "what stays is in this host's memory, and not on the network");
    if (!arguments->allowed.empty() && !arguments->sealed && goes_on_the_network)
      throw CLI::ValidationError(
          "--allow", "it is said of this host's memory: by packets whoever has the locator can pull");
    if (arguments->advertises_ids && arguments->group.empty())
      throw CLI::ValidationError("--advertise-ids", "it says more to the group of --advertise-group");
    if (std::ranges::count(arguments->files, "-") > 1)
      throw CLI::ValidationError("FILE", "stdin can be read once");
    chosen = [arguments](Signals& signals) { return ExposeRun(*arguments, signals).run(); };
  });
}

}  // namespace rgtp::cli
