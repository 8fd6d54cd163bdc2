#include "server/rpc/listener.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

#include <spdlog/spdlog.h>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "content/loopback.h"
#include "content/steady_clock.h"

namespace loupe {
namespace {

constexpr int kBacklog = 1024;
constexpr int kMostDescriptors = 1 << 20;  // where the system sets no limit
constexpr int kPauseMs = 100;              // after an error that says that something has run out
constexpr int kUnansweredMs = 20 * 1000;   // a peer that acknowledges nothing for so long is gone
constexpr absl::Duration kLogPeriod = absl::Minutes(1);

absl::Status CantListen(const std::string& address, const char* why) {
  return absl::FailedPreconditionError(absl::StrCat("can't listen on ", address, ": ", why));
}

struct Addresses {
  addrinfo* first = nullptr;
  ~Addresses() {
    if (first != nullptr) freeaddrinfo(first);
  }
};

uint16_t BoundPort(int socket) {
  sockaddr_storage bound{};
  socklen_t size = sizeof(bound);
  getsockname(socket, reinterpret_cast<sockaddr*>(&bound), &size);
  return ntohs(bound.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6&>(bound).sin6_port
                                           : reinterpret_cast<sockaddr_in&>(bound).sin_port);
}

void SetPort(sockaddr* address, uint16_t port) {
  if (address->sa_family == AF_INET6) {
    reinterpret_cast<sockaddr_in6*>(address)->sin6_port = htons(port);
  } else {
    reinterpret_cast<sockaddr_in*>(address)->sin_port = htons(port);
  }
}

// A socket that listens, or errno.
FileHandle ListenOn(const addrinfo& where) {
  FileHandle port(socket(where.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!port.valid()) return port;
  const int on = 1;
  // Connections inherit both of TCP's.
  setsockopt(port.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  setsockopt(port.get(), IPPROTO_TCP, TCP_USER_TIMEOUT, &kUnansweredMs, sizeof(kUnansweredMs));
  setsockopt(port.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (bind(port.get(), where.ai_addr, where.ai_addrlen) != 0 || listen(port.get(), kBacklog) != 0) {
    const int error = errno;
    port = FileHandle();
    errno = error;
  }
  return port;
}

// Says that something has run out, at most once a period.
class Complaints {
 public:
  void Say(const std::string& what) {
    if (has_said_ && since_.Elapsed() < kLogPeriod) return;
    spdlog::warn("{}", what);
    has_said_ = true;
    since_ = Stopwatch();
  }

 private:
  bool has_said_ = false;
  Stopwatch since_;
};

}  // namespace

int RaiseDescriptorLimit() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  const rlimit highest{limit.rlim_max, limit.rlim_max};
  if (setrlimit(RLIMIT_NOFILE, &highest) == 0) limit = highest;
  return static_cast<int>(std::min<rlim_t>(limit.rlim_cur, kMostDescriptors));
}

absl::StatusOr<std::unique_ptr<Listener>> Listener::Listen(const std::string& address) {
  const std::string_view host = HostOf(address);
  auto listener = std::unique_ptr<Listener>(new Listener());
  listener->address_ = std::string(host);
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  wanted.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  Addresses found;
  const int failed = getaddrinfo(std::string(WithoutBrackets(host)).c_str(),
                                 std::string(PortOf(address)).c_str(), &wanted, &found.first);
  if (failed != 0) return CantListen(address, gai_strerror(failed));
  uint16_t chosen = 0;
  for (const addrinfo* one = found.first; one != nullptr; one = one->ai_next) {
    if (chosen != 0) SetPort(one->ai_addr, chosen);
    FileHandle socket = ListenOn(*one);
    // `localhost` may stand for ::1 on a machine without IPv6.
    if (!socket.valid() && errno == EADDRNOTAVAIL && one->ai_next != nullptr) continue;
    if (!socket.valid()) {
      return CantListen(address, errno == EADDRINUSE ? "the port is taken" : std::strerror(errno));
    }
    chosen = BoundPort(socket.get());
    listener->ports_.push_back(std::move(socket));
  }
  if (listener->ports_.empty()) return CantListen(address, "this machine has no such address");
  absl::StrAppend(&listener->address_, ":", chosen);
  listener->stop_ = FileHandle(eventfd(0, EFD_CLOEXEC));
  return listener;
}

Listener::~Listener() { Stop(); }

void Listener::Start(Take take, int limit) {
  thread_ = std::thread([this, take = std::move(take), limit] { Loop(take, limit); });
}

void Listener::Stop() {
  if (!thread_.joinable()) return;
  const uint64_t one = 1;
  (void)!write(stop_.get(), &one, sizeof(one));
  thread_.join();
}

void Listener::Loop(const Take& take, int limit) {
  std::vector<pollfd> watched = {{stop_.get(), POLLIN, 0}};
  for (const FileHandle& port : ports_) watched.push_back({port.get(), POLLIN, 0});
  Complaints complaints;
  while (true) {
    if (poll(watched.data(), watched.size(), -1) < 0) continue;  // EINTR
    if (watched[0].revents != 0) return;
    for (size_t i = 1; i < watched.size(); ++i) {
      if (watched[i].revents == 0) continue;
      const int connection = accept4(watched[i].fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (connection >= limit) {
        close(connection);
        complaints.Say(absl::StrCat("refused a connection: ", limit, " descriptors are in use"));
      } else if (connection >= 0) {
        take(watched[i].fd, connection);
      } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        complaints.Say(absl::StrCat("can't accept connections now: ", std::strerror(errno)));
        poll(watched.data(), 1, kPauseMs);
      }  // else the peer is gone again, or another process took the connection
    }
  }
}

}  // namespace loupe
