// The receiving end of a pull that is given the transport's own memory.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "support/memory_sink.h"

namespace rgtp::test {

// Takes the store, and writes down which chunks it is told of.
class AdoptingSink : public MemorySink {
 public:
  bool adopt(std::shared_ptr<const Store> store) override {
    store_ = std::move(store);
    return true;
  }
  ChunkVerdict on_chunk(ChunkIndex chunk) override {
    EXPECT_TRUE(store_->has(chunk));
    told.push_back(chunk.value);
    if (on_told) on_told();
    return ChunkVerdict::good;
  }
  Result<void> on_final_size(const FinalSize& size) override {
    chunks_before_size = told.size();
    if (refuses_size) return fail(Errc::malformed_data, "as the test wants it");
    return MemorySink::on_final_size(size);
  }
  bool has_store() const { return store_ != nullptr; }

  std::vector<std::uint32_t> told;
  std::size_t chunks_before_size = 0;
  bool refuses_size = false;
  std::function<void()> on_told;

 private:
  std::shared_ptr<const Store> store_;
};

}  // namespace rgtp::test
