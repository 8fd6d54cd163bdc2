#include "client/lib/request_text.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "content/text.h"

namespace loupe {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

absl::Status CheckTexts(const Message& request) {
  const Reflection& reflection = *request.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(request, &fields);
  for (const FieldDescriptor* field : fields) {
    const int count = field->is_repeated() ? reflection.FieldSize(request, field) : 1;
    for (int i = 0; i < count; ++i) {
      if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
        const absl::Status inside =
            CheckTexts(field->is_repeated() ? reflection.GetRepeatedMessage(request, field, i)
                                            : reflection.GetMessage(request, field));
        if (!inside.ok()) return inside;
      }
      if (field->type() != FieldDescriptor::TYPE_STRING) continue;
      const std::string text = field->is_repeated() ? reflection.GetRepeatedString(request, field, i)
                                                    : reflection.GetString(request, field);
      if (IsUtf8(text)) continue;
      return absl::InvalidArgumentError(absl::StrCat(
          field->name(), " is no UTF-8 text: use a terminal with UTF-8, or convert the file with iconv"));
    }
  }
  return absl::OkStatus();
}

}  // namespace loupe
