#include "sim/sinks.h"

#include <algorithm>

#include "core/heap_region.h"

namespace rgtp::test {

void SimulatedSink::on_end(Error error) {
  error_ = std::move(error);
  done();
}

void SimulatedSink::on_event(const Event& event) {
  counters_.on_event(event);
  const auto* const asked = std::get_if<event::Asked>(&event);
  if (asked != nullptr && asked->slices > asked->again) last_new_ask_ = timeline_.now();
  trace_.record(timeline_.now(), number_ << 8 | event.index());
}

bool WholeSink::is_exact(std::span<const std::byte> content) {
  if (error() || !state_.complete()) return false;
  const auto view = state_.view_all();
  const Range range = state_.extent()->range;
  return view && std::ranges::equal(view->bytes(), content.subspan(range.offset, range.length));
}

Result<void> WholeSink::on_manifest(const Manifest& manifest) {
  auto extent = state_.begin(manifest);
  if (!extent) {
    on_end(extent.error());
    return fail(extent.error());
  }
  state_.use(core::store_in_region(*extent, core::HeapRegion::make(extent->range.length).value()));
  if (state_.complete()) done();
  return {};
}

ChunkVerdict WholeSink::on_chunk(ChunkIndex chunk) {
  const ChunkVerdict verdict = state_.on_chunk(chunk).value();
  if (state_.complete()) done();
  return verdict;
}

Result<void> WholeSink::on_final_size(const FinalSize& size) {
  auto cut = state_.on_final_size(size);
  if (!cut)
    on_end(cut.error());
  else if (state_.complete())
    done();
  return cut;
}

}  // namespace rgtp::test
