#include "server/metrics/readings.h"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <map>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace loupe {
namespace {

using Counts = std::map<std::string, uint64_t>;

// Fields of /proc/self/stat from the third on, as proc(5) numbers them: 3 is the state.
std::vector<std::string> StatFields() {
  std::ifstream file("/proc/self/stat");
  std::string line;
  std::getline(file, line);
  std::istringstream fields(line.substr(line.rfind(')') + 1));  // the name before it may hold anything
  return std::vector<std::string>(std::istream_iterator<std::string>(fields), {});
}

// When the machine was started, in seconds since 1970; 0: not known.
double BootTime() {
  std::ifstream file("/proc/stat");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("btime ")) return std::stod(line.substr(6));
  }
  return 0;
}

double OpenDescriptors() {
  std::error_code ignored;
  const std::filesystem::directory_iterator folder("/proc/self/fd", ignored);
  return static_cast<double>(std::distance(begin(folder), end(folder))) - 1;  // without the folder's own
}

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

// With a zero for each name that isn't there: a metric that comes and goes is hard to ask about.
std::vector<Exposition::Value> ByName(const char* label, std::initializer_list<const char*> names,
                                      const Counts& counts) {
  std::vector<Exposition::Value> values;
  for (const char* name : names) {
    const auto found = counts.find(name);
    values.push_back({{{label, name}}, found == counts.end() ? 0.0 : static_cast<double>(found->second)});
  }
  return values;
}

}  // namespace

void AddProcess(Exposition& exposition) {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  exposition.Counter("process_cpu_seconds_total", "Processor time of the process, of all its threads.",
                     Seconds(used.ru_utime) + Seconds(used.ru_stime));
  exposition.Gauge("process_open_fds", "Open descriptors.", OpenDescriptors());
  rlimit descriptors{};
  getrlimit(RLIMIT_NOFILE, &descriptors);
  exposition.Gauge("process_max_fds", "The most descriptors that may be open.",
                   static_cast<double>(descriptors.rlim_cur));
  const std::vector<std::string> fields = StatFields();
  if (fields.size() < 22) return;
  const auto field = [&](size_t number) { return std::stod(fields[number - 3]); };
  exposition.Gauge("loupe_threads", "Threads of the process.", field(20));
  exposition.Gauge("process_start_time_seconds", "When the process was started, in seconds since 1970.",
                   BootTime() + field(22) / static_cast<double>(sysconf(_SC_CLK_TCK)));
  exposition.Gauge("process_virtual_memory_bytes", "Address space.", field(23));
  exposition.Gauge("process_resident_memory_bytes", "Memory in use.",
                   field(24) * static_cast<double>(sysconf(_SC_PAGESIZE)));
}

void AddPool(const PoolUsage& pool, Exposition& exposition) {
  exposition.Gauge("loupe_database_connections", "Connections to the database, by state.",
                   {{{{"state", "in_use"}}, static_cast<double>(pool.in_use)},
                    {{{"state", "idle"}}, static_cast<double>(pool.idle)}});
  exposition.Gauge("loupe_database_connections_limit", "The most connections to the database.", pool.limit);
  exposition.Gauge("loupe_database_connection_waiters", "Who waits for a connection to the database.",
                   pool.waiting);
}

void AddBacklog(const Backlog& backlog, Exposition& exposition) {
  exposition.Gauge("loupe_active_leases", "Leases that have not ended, by what is leased.",
                   ByName("purpose", {"label", "job"}, backlog.leases));
  exposition.Gauge("loupe_rounds", "Rounds of all times, by state.",
                   ByName("state",
                          {"waiting", "training", "evaluating", "predicting", "ranking", "checking", "done",
                           "failed", "cancelled"},
                          backlog.rounds));
  std::vector<Exposition::Value> jobs;
  for (const char* kind : {"train", "evaluate", "predict", "find_label_errors"}) {
    const auto counts = backlog.jobs.find(kind);
    for (Exposition::Value& value : ByName("state", {"waiting", "leased", "done"},
                                           counts == backlog.jobs.end() ? Counts() : counts->second)) {
      value.labels.insert(value.labels.begin(), {"kind", kind});
      jobs.push_back(std::move(value));
    }
  }
  exposition.Gauge("loupe_jobs", "Jobs of rounds that have not ended, by kind and state.", jobs);
  exposition.Gauge("loupe_job_queue_age_seconds", "How long the oldest job waits that no worker has.",
                   backlog.oldest_job_s);
  exposition.Gauge(
      "loupe_queue_images",
      "Images that wait for an answer: of active rankings (estimated from 1,000 entries), and of "
      "requests to look for an added class (at most 10,000 of a project).",
      {{{{"source", "ranking"}}, backlog.ranked_images},
       {{{"source", "request"}}, backlog.requested_images}});
  exposition.Gauge("loupe_queue_age_seconds",
                   "Age of the oldest active ranking that still has such images, and of the oldest request.",
                   {{{{"source", "ranking"}}, backlog.oldest_ranking_s},
                    {{{"source", "request"}}, backlog.oldest_request_s}});
}

}  // namespace loupe
