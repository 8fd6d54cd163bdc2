#include "recipe/recipe_description.h"

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/text_format.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "recipe/recipe.h"
#include "recipe/recipe_fields.h"
#include "recipe/recipe_source.h"

namespace loupe {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using google::protobuf::TextFormat;

// Their defaults depend on other fields: on the optimizer, and on the number of iterations.
constexpr std::string_view kDependent[] = {"training.learning_rate", "training.weight_decay",
                                           "training.warmup_iterations"};

// The comments of recipe.proto: by the place of a message, and of a field in it (-1: the message itself).
class Comments {
 public:
  Comments() {
    google::protobuf::FileDescriptorSet files;
    files.ParseFromArray(kRecipeSource, static_cast<int>(kRecipeSourceBytes));
    using File = google::protobuf::FileDescriptorProto;
    for (const auto& location : files.file(0).source_code_info().location()) {
      const auto& path = location.path();
      if (path.size() < 2 || path[0] != File::kMessageTypeFieldNumber) continue;
      if (path.size() == 2) texts_[{path[1], -1}] = location.leading_comments();
      const bool is_field =
          path.size() == 4 && path[2] == google::protobuf::DescriptorProto::kFieldFieldNumber;
      if (is_field) texts_[{path[1], path[3]}] = location.leading_comments();
    }
  }

  std::string Of(const Descriptor& message) const { return Text(message.index(), -1); }
  std::string Of(const FieldDescriptor& field) const {
    return Text(field.containing_type()->index(), field.index());
  }

 private:
  // In one line.
  std::string Text(int message, int field) const {
    const auto found = texts_.find({message, field});
    if (found == texts_.end()) return "";
    const std::vector<std::string> words =
        absl::StrSplit(found->second, absl::ByAnyChar(" \n"), absl::SkipEmpty());
    return absl::StrJoin(words, " ");
  }

  std::map<std::pair<int, int>, std::string> texts_;
};

v1::RecipeField::Kind KindOf(const FieldDescriptor& field) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      return v1::RecipeField::TEXT;
    case FieldDescriptor::CPPTYPE_BOOL:
      return v1::RecipeField::BOOLEAN;
    case FieldDescriptor::CPPTYPE_ENUM:
      return v1::RecipeField::ENUM;
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return v1::RecipeField::REAL;
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return v1::RecipeField::MESSAGE;
    default:
      return v1::RecipeField::INTEGER;
  }
}

std::vector<std::string> ValuesOf(const Message& message, const FieldDescriptor& field) {
  const Reflection& reflection = *message.GetReflection();
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_STRING) return {reflection.GetString(message, &field)};
  const int count = field.is_repeated() ? reflection.FieldSize(message, &field)
                                        : static_cast<int>(reflection.HasField(message, &field));
  std::vector<std::string> values(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) {
    TextFormat::PrintFieldValueToString(message, &field, field.is_repeated() ? i : -1,
                                        &values[static_cast<size_t>(i)]);
  }
  return values;
}

void AddRule(const FieldRule& rule, v1::RecipeField& described) {
  for (const std::string& choice : rule.choices) described.add_choices(choice);
  if (!rule.range.has_value()) return;
  described.set_low(rule.range->low);
  described.set_high(rule.range->high);
  described.set_low_excluded(rule.range->low_excluded);
  described.set_high_excluded(rule.range->high_excluded);
}

// defaults: the message that holds the field, with every default written out.
v1::RecipeField DescribeField(const std::string& path, const FieldDescriptor& field,
                              const Message& defaults) {
  v1::RecipeField described;
  described.set_path(path);
  described.set_kind(KindOf(field));
  described.set_repeated(field.is_repeated());
  if (std::find(std::begin(kDependent), std::end(kDependent), path) == std::end(kDependent)) {
    for (std::string& value : ValuesOf(defaults, field)) {
      if (!value.empty()) described.add_defaults(std::move(value));
    }
  }
  if (field.enum_type() != nullptr) {
    for (int i = 1; i < field.enum_type()->value_count(); ++i) {
      described.add_choices(field.enum_type()->value(i)->name());
    }
  }
  const auto rule = std::find_if(FieldRules().begin(), FieldRules().end(),
                                 [&](const FieldRule& each) { return each.path == path; });
  if (rule != FieldRules().end()) AddRule(*rule, described);
  return described;
}

v1::RecipeSection DescribeSection(const FieldDescriptor& section, const Message& defaults,
                                  const Comments& comments) {
  v1::RecipeSection described;
  described.set_name(section.name());
  described.set_comment(comments.Of(section));
  const Descriptor& message = *section.message_type();
  if (const std::string more = comments.Of(message); !more.empty()) {
    absl::StrAppend(described.mutable_comment(), " ", more);
  }
  std::string comment;
  for (int i = 0; i < message.field_count(); ++i) {
    const FieldDescriptor& field = *message.field(i);
    if (const std::string own = comments.Of(field); !own.empty()) comment = own;
    v1::RecipeField& added = *described.add_fields();
    added = DescribeField(absl::StrCat(section.name(), ".", field.name()), field, defaults);
    added.set_comment(comment);
  }
  return described;
}

}  // namespace

v1::RecipeDescription DescribeRecipe() {
  const Comments comments;
  const v1::Recipe defaults = WithDefaults({});
  v1::RecipeDescription description;
  const Descriptor& recipe = *v1::Recipe::descriptor();
  for (int i = 0; i < recipe.field_count(); ++i) {
    const FieldDescriptor& field = *recipe.field(i);
    if (field.message_type() != nullptr) {
      const Message& section = defaults.GetReflection()->GetMessage(defaults, &field);
      *description.add_sections() = DescribeSection(field, section, comments);
      continue;
    }
    v1::RecipeField& added = *description.add_sections()->add_fields();
    added = DescribeField(field.name(), field, defaults);
    added.set_comment(comments.Of(field));
  }
  return description;
}

}  // namespace loupe
