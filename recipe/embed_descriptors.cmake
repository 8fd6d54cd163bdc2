# Writes C++ source with the bytes of a file in it.
#   cmake -DIN=recipe_source.binpb -DOUT=recipe_source.cc -P embed_descriptors.cmake
file(READ "${IN}" hex HEX)
string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
string(REGEX REPLACE "((0x..,)(0x..,)(0x..,)(0x..,)(0x..,)(0x..,)(0x..,)(0x..,))" "\\1\n" bytes "${bytes}")
file(WRITE "${OUT}" "#include \"recipe/recipe_source.h\"

namespace loupe {

const unsigned char kRecipeSource[] = {
${bytes}
};
const size_t kRecipeSourceBytes = sizeof(kRecipeSource);

}  // namespace loupe
")
