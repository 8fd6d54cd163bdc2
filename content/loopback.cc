#include "content/loopback.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <string>

namespace loupe {

std::string_view HostOf(std::string_view address) {
  const size_t colon = address.rfind(':');
  const bool is_port = colon != std::string_view::npos && address.find(']', colon) == std::string_view::npos;
  return is_port ? address.substr(0, colon) : address;
}

std::string_view PortOf(std::string_view address) {
  const size_t host = HostOf(address).size();
  return host < address.size() ? address.substr(host + 1) : "";
}

std::string_view WithoutBrackets(std::string_view host) {
  const bool in_brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
  return in_brackets ? host.substr(1, host.size() - 2) : host;
}

bool IsLoopback(std::string_view host) {
  if (host == "localhost") return true;
  if (host.find('\0') != std::string_view::npos) return false;  // inet_pton would read as far as it
  const std::string text(WithoutBrackets(host));
  in_addr four{};
  if (inet_pton(AF_INET, text.c_str(), &four) == 1) return ntohl(four.s_addr) >> 24 == 127;
  in6_addr six{};
  return inet_pton(AF_INET6, text.c_str(), &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

}  // namespace loupe
