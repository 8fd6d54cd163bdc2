// The coordinator's own listener: attack_test.py shows it under attack.
#include "server/rpc/listener.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <atomic>

#include "absl/strings/numbers.h"
#include "absl/time/clock.h"
#include "content/loopback.h"

namespace loupe {
namespace {

using testing::HasSubstr;

FileHandle ConnectTo(const Listener& listener) {
  int port = 0;
  EXPECT_TRUE(absl::SimpleAtoi(listener.address().substr(listener.address().rfind(':') + 1), &port));
  FileHandle client(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(connect(client.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  return client;
}

// Bytes until the peer closes.
ssize_t ReadFrom(const FileHandle& client) {
  char byte = 0;
  return recv(client.get(), &byte, 1, 0);
}

TEST(ListenerTest, HandsConnectionsOver) {
  auto listener = Listener::Listen("127.0.0.1:0");
  ASSERT_TRUE(listener.ok()) << listener.status();
  EXPECT_EQ(HostOf((*listener)->address()), "127.0.0.1");
  const FileHandle early = ConnectTo(**listener);
  (*listener)->Start(
      [](int, int connection) {
        const FileHandle taken(connection);
        EXPECT_EQ(send(connection, "x", 1, 0), 1);
      },
      1000);
  EXPECT_EQ(ReadFrom(early), 1) << "it waited until the start";
  EXPECT_EQ(ReadFrom(ConnectTo(**listener)), 1);
  (*listener)->Stop();
  (*listener)->Stop();
}

TEST(ListenerTest, ClosesConnectionsBeyondTheLimit) {
  auto listener = Listener::Listen("127.0.0.1:0");
  ASSERT_TRUE(listener.ok()) << listener.status();
  std::atomic<int> taken = 0;
  (*listener)->Start([&](int, int) { ++taken; }, 0);
  EXPECT_EQ(ReadFrom(ConnectTo(**listener)), 0);
  EXPECT_EQ(taken, 0);
}

TEST(ListenerTest, SaysWhyItCant) {
  const auto listener = Listener::Listen("127.0.0.1:0");
  ASSERT_TRUE(listener.ok()) << listener.status();
  EXPECT_THAT(Listener::Listen((*listener)->address()).status().message(), HasSubstr("the port is taken"));
  EXPECT_THAT(Listener::Listen("no.such.host.invalid:0").status().message(),
              HasSubstr("can't listen on no.such.host.invalid:0"));
}

TEST(ListenerTest, LocalhostIsOnePortOfEveryAddress) {
  const auto listener = Listener::Listen("localhost:0");
  ASSERT_TRUE(listener.ok()) << listener.status();
  (*listener)->Start([](int, int connection) { const FileHandle taken(connection); }, 1000);
  EXPECT_EQ(ReadFrom(ConnectTo(**listener)), 0);
}

}  // namespace
}  // namespace loupe
