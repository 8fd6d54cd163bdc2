#include "server/metrics/exposition.h"

#include <prometheus/text_serializer.h>

namespace loupe {

void Exposition::Gauge(const char* name, const char* help, const std::vector<Value>& values) {
  prometheus::MetricFamily& family = families_.emplace_back();
  family.name = name;
  family.help = help;
  family.type = prometheus::MetricType::Gauge;
  for (const Value& value : values) {
    prometheus::ClientMetric& metric = family.metric.emplace_back();
    for (const auto& [label, text] : value.labels) metric.label.push_back({label, text});
    metric.gauge.value = value.value;
  }
}

void Exposition::Counter(const char* name, const char* help, double value) {
  prometheus::MetricFamily& family = families_.emplace_back();
  family.name = name;
  family.help = help;
  family.type = prometheus::MetricType::Counter;
  family.metric.emplace_back().counter.value = value;
}

std::string Exposition::Text() const { return prometheus::TextSerializer().Serialize(families_); }

}  // namespace loupe
