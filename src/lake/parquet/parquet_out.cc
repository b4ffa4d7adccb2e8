#include <arrow/io/memory.h>
#include <arrow/util/key_value_metadata.h>
#include <parquet/column_writer.h>
#include <parquet/exception.h>
#include <parquet/file_writer.h>
#include <parquet/schema.h>

#include <algorithm>
#include <memory>

#include "lake/parquet/parquet.h"

namespace waybill::lake {
namespace {

constexpr size_t group_rows_max = 1'000'000;
constexpr size_t batch_rows = 16'384;
constexpr int zstd_level = 3;
constexpr double bloom_false_share = 0.01;
constexpr int hash_bytes = 16;

parquet::schema::NodePtr node_of(const ColumnSpec& spec) {
  using parquet::LogicalType;
  using parquet::Type;
  const auto node = [&](std::shared_ptr<const LogicalType> logical, Type::type type, int length = -1) {
    return parquet::schema::PrimitiveNode::Make(
        std::string(spec.name),
        spec.nullable == Nullable::yes ? parquet::Repetition::OPTIONAL : parquet::Repetition::REQUIRED,
        std::move(logical), type, length);
  };
  switch (spec.type) {
    case ColumnType::int32: return node(LogicalType::None(), Type::INT32);
    case ColumnType::int64: return node(LogicalType::None(), Type::INT64);
    case ColumnType::date: return node(LogicalType::Date(), Type::INT32);
    case ColumnType::boolean: return node(LogicalType::None(), Type::BOOLEAN);
    case ColumnType::real: return node(LogicalType::None(), Type::DOUBLE);
    case ColumnType::text: return node(LogicalType::String(), Type::BYTE_ARRAY);
    case ColumnType::bytes: return node(LogicalType::None(), Type::BYTE_ARRAY);
    case ColumnType::hash: return node(LogicalType::None(), Type::FIXED_LEN_BYTE_ARRAY, hash_bytes);
  }
  return nullptr;
}

std::shared_ptr<parquet::WriterProperties> properties_of(std::span<const ColumnSpec> columns) {
  parquet::WriterProperties::Builder builder;
  builder.version(parquet::ParquetVersion::PARQUET_2_6)
      ->data_page_version(parquet::ParquetDataPageVersion::V1)
      ->compression(parquet::Compression::ZSTD)
      ->compression_level(zstd_level)
      ->max_row_group_length(group_rows_max)
      ->enable_write_page_index()
      ->enable_page_checksum();
  for (const ColumnSpec& column : columns) {
    const std::string name(column.name);
    if (column.packing == Packing::delta)
      builder.disable_dictionary(name)->encoding(name, parquet::Encoding::DELTA_BINARY_PACKED);
    if (column.found_by_bloom) builder.enable_bloom_filter(name, {.ndv = {}, .fpp = bloom_false_share});
  }
  return builder.build();
}

// One column of a group of rows, batch by batch.
class CellWriter {
 public:
  CellWriter(const ColumnSpec& spec, parquet::ColumnWriter& writer) : spec_(spec), writer_(writer) {}

  void write(const Cells& cells) {
    switch (spec_.type) {
      case ColumnType::int32:
      case ColumnType::date:
        return convert<parquet::Int32Type>(cells, cells.integers, int32_,
                                           [](int64_t value) { return static_cast<int32_t>(value); });
      case ColumnType::int64: return put<parquet::Int64Type>(cells, cells.integers.data());
      case ColumnType::real: return put<parquet::DoubleType>(cells, cells.reals.data());
      case ColumnType::boolean:
        bool_ = std::make_unique<bool[]>(cells.integers.size());
        std::ranges::transform(cells.integers, bool_.get(), [](int64_t value) { return value != 0; });
        return put<parquet::BooleanType>(cells, bool_.get());
      case ColumnType::text:
      case ColumnType::bytes:
        return convert<parquet::ByteArrayType>(cells, cells.texts, text_,
                                               [](std::string_view text) { return parquet::ByteArray(text); });
      case ColumnType::hash:
        return convert<parquet::FLBAType>(cells, cells.texts, hash_, [](std::string_view text) {
          return parquet::FixedLenByteArray(reinterpret_cast<const uint8_t*>(text.data()));
        });
    }
  }

 private:
  template <class Type>
  void put(const Cells& cells, const typename Type::c_type* values) {
    static_cast<parquet::TypedColumnWriter<Type>&>(writer_).WriteBatch(
        static_cast<int64_t>(cells.present.size()), spec_.nullable == Nullable::yes ? cells.present.data() : nullptr,
        nullptr, values);
  }
  template <class Type, class From, class To, class Convert>
  void convert(const Cells& cells, const std::vector<From>& values, std::vector<To>& buffer, Convert one) {
    buffer.resize(values.size());
    std::ranges::transform(values, buffer.begin(), one);
    put<Type>(cells, buffer.data());
  }

  const ColumnSpec& spec_;
  parquet::ColumnWriter& writer_;
  std::vector<int32_t> int32_;
  std::unique_ptr<bool[]> bool_;
  std::vector<parquet::ByteArray> text_;
  std::vector<parquet::FixedLenByteArray> hash_;
};

std::string written(std::string_view table, std::span<const ColumnSpec> columns, size_t rows, const GiveCells& give) {
  parquet::schema::NodeVector nodes;
  for (const ColumnSpec& column : columns) nodes.push_back(node_of(column));
  const auto schema = std::static_pointer_cast<parquet::schema::GroupNode>(
      parquet::schema::GroupNode::Make("row", parquet::Repetition::REQUIRED, nodes));
  PARQUET_ASSIGN_OR_THROW(const auto sink, ::arrow::io::BufferOutputStream::Create());
  const auto writer = parquet::ParquetFileWriter::Open(
      sink, schema, properties_of(columns),
      ::arrow::key_value_metadata({{"waybill.table", std::string(table)}, {"waybill.layout", "1"}}));
  Cells cells;
  for (size_t begin = 0; begin < rows; begin += group_rows_max) {
    const size_t end = std::min(rows, begin + group_rows_max);
    parquet::RowGroupWriter& group = *writer->AppendRowGroup();
    for (size_t column = 0; column < columns.size(); ++column) {
      CellWriter cell_writer(columns[column], *group.NextColumn());
      for (size_t from = begin; from < end; from += batch_rows) {
        cells.clear();
        give(column, from, std::min(end, from + batch_rows), cells);
        cell_writer.write(cells);
      }
    }
    group.Close();
  }
  writer->Close();
  PARQUET_ASSIGN_OR_THROW(const auto bytes, sink->Finish());
  return bytes->ToString();
}

}  // namespace

Result<std::string> write_parquet(std::string_view table, std::span<const ColumnSpec> columns, size_t rows,
                                  const GiveCells& give) {
  try {
    return written(table, columns, rows, give);
  } catch (const std::exception& error) {
    return fail(Code::unavailable, "writing a file of " + std::string(table) + ": " + error.what());
  }
}

}  // namespace waybill::lake
