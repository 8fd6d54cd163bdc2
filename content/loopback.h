// Which addresses are of this machine alone.
#pragma once

#include <string_view>

namespace loupe {

// The HOST of HOST:PORT; all of it where there is no port. Brackets of an IPv6 address stay.
std::string_view HostOf(std::string_view address);

// The PORT of HOST:PORT; empty where there is none.
std::string_view PortOf(std::string_view address);

// The host without the brackets of an IPv6 address.
std::string_view WithoutBrackets(std::string_view host);

// Whether only this machine reaches the host: 127.0.0.0/8 and ::1 in figures, and `localhost`. Another name
// isn't, whatever it resolves to now.
bool IsLoopback(std::string_view host);

}  // namespace loupe
