#include "content/text.h"

#include <gtest/gtest.h>

#include <string>

namespace loupe {
namespace {

TEST(TextTest, Utf8IsToldFromOtherBytes) {
  for (const char* text : {"", "part 1",
                           "Pr\xc3\xbc"
                           "f",
                           "\xe2\x82\xac", "\xf0\x9f\x94\xa7", "\xef\xbf\xbf"}) {
    EXPECT_TRUE(IsUtf8(text)) << text;
  }
  // Latin-1; a cut character; an overlong slash; a surrogate; beyond U+10FFFF; a byte that follows nothing.
  for (const char* bytes : {"Pr\xfc"
                            "f",
                            "Pr\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\x80", "\xe2\x82"}) {
    EXPECT_FALSE(IsUtf8(bytes)) << bytes;
  }
}

TEST(TextTest, ControlCharactersAreFound) {
  for (const std::string& text :
       {std::string("a\0b", 3), std::string("\x1b[2J"), std::string("a\nb"), std::string("\x7f"),
        std::string("\xc2\x9b"
                    "2J")}) {
    EXPECT_TRUE(HasControlCharacter(text));
  }
  EXPECT_FALSE(
      HasControlCharacter("Pr\xc3\xbc"
                          "f \xc2\xa0"));
  EXPECT_FALSE(HasControlCharacter("a\n\tb\r\n", /*allow_lines=*/true));
  EXPECT_TRUE(HasControlCharacter("a\x1b", /*allow_lines=*/true));
}

}  // namespace
}  // namespace loupe
