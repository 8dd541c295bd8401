// The exposer's side of brokered surfaces: a Unix socket at which their memory is asked for. Who gets it the
// exposer's callback says, each time, and the memory goes as a descriptor (unix(7), SCM_RIGHTS). The protocol
// is in SEGMENT.md beside this file; broker_request.h is the other side.
#pragma once

#include <filesystem>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include <rgtp/event_loop.h>

#include "shm/exposed_segment.h"

namespace rgtp::shm {

// What an asker is told.
enum class BrokerAnswer : std::uint32_t {
  granted = 0,  // the memory comes with it
  denied = 1,
  unknown = 2,  // no such surface, or none any more
  failed = 3,   // the exposer lacks descriptors
};
inline constexpr std::size_t broker_answer_bytes = 4;
// "rgtp-broker-", its owner's 32 hex digits and a number: whose it is, or nothing for another name.
std::optional<OwnerId> owner_of_broker_name(std::string_view name);
// Whether somebody listens at the socket. Never waits; the one who listens notices, and no more.
bool is_answered(const std::filesystem::path& socket);

// Loop's thread.
class Broker {
 public:
  // Who asks and then says nothing is heard no longer, or gives way sooner where there are too many.
  static constexpr Duration patience = std::chrono::seconds(2);
  // That are heard at once; of one user, with those who were given memory and have not taken it yet, which
  // the kernel counts against this user (unix(7), ETOOMANYREFS).
  static constexpr std::size_t most_askers = 64;
  static constexpr std::size_t most_of_one_user = 16;

  // Errors: denied, no_space, not_found (the directory), io_error.
  [[nodiscard]] static Result<std::unique_ptr<Broker>> open(const std::filesystem::path& directory,
                                                            EventLoop& loop);
  // The socket's own name goes; those of surfaces are theirs to remove.
  ~Broker();
  Broker(const Broker&) = delete;
  Broker& operator=(const Broker&) = delete;

  // Gives a brokered segment its name. Errors: link_to()'s; not_found where somebody removed the socket's own
  // name: open another broker.
  [[nodiscard]] Result<void> offer(std::shared_ptr<ExposedSegment> segment, const Access& access);
  void withdraw(const ExposedSegment& segment);

 private:
  struct Offered {
    std::shared_ptr<ExposedSegment> segment;
    Access access;
  };
  struct Session {
    Descriptor socket;
    Asker asker;
    TimePoint end;
    bool is_granted = false;
    std::unique_ptr<Watch> watch = {};
  };
  using Sessions = std::list<Session>;

  Broker(EventLoop& loop, std::shared_ptr<Owner> owner, std::filesystem::path file, Descriptor socket);
  Result<void> listen();
  void accept();
  // Whether one more of this user is heard; makes room where there are too many.
  bool admit(uid_t user);
  void hear(Sessions::iterator session);
  // Whether memory was sent.
  bool answer(const Session& session, const std::string& asked);
  bool send(const Session& session, BrokerAnswer answer, const Descriptor& memory = Descriptor()) const;
  void end(Sessions::iterator session);
  void end_silent_ones();
  void close();

  EventLoop& loop_;
  const std::shared_ptr<Owner> owner_;
  const std::filesystem::path file_;
  Descriptor socket_;
  std::unique_ptr<Watch> watch_;
  std::unique_ptr<Timer> timer_;
  std::unique_ptr<Timer> rest_;  // while there are no descriptors to accept with
  std::shared_ptr<void> closing_;
  std::map<std::string, Offered> offered_;  // by name
  Sessions asking_;                         // those that end first at the front
  Sessions granted_;                        // until they hang up
};

}  // namespace rgtp::shm
