# Writes C++ source with the SQL files of a folder in it, in order of file name.
#   cmake -DOUT=x.cc -DNAME=kQueryFiles -DFOLDER=dir -P embed_sql.cmake
file(GLOB files ${FOLDER}/*.sql)
set(source "#include \"db/statements.h\"\n\nnamespace loupe {\n\nconst EmbeddedFile ${NAME}[] = {\n")
foreach(file IN LISTS files)
  get_filename_component(name "${file}" NAME_WE)
  file(READ "${file}" text)
  string(APPEND source "    {\"${name}\", R\"sql(${text})sql\"},\n")
endforeach()
string(APPEND source "    {nullptr, nullptr},\n};\n\n}  // namespace loupe\n")
file(WRITE "${OUT}" "${source}")
