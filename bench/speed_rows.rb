# frozen_string_literal: true

# What is measured where, and what would be good.
module SpeedRows
  # key: of its samples. scenario: see {Scenarios}. place: see {Places}. figures: the ones to print, each
  # with its goal, see {Goal}. floor: the side that shows what cannot be saved. count: of jobs.
  Row = Struct.new(:scenario, :title, :place, :floor, :count, :figures, keyword_init: true) do
    def key
      "#{scenario}@#{place}"
    end

    # The sides that measure it.
    def sides
      ['peer', 'ours', floor].compact
    end
  end

  # share: of the peer's figure; of_floor: times the floor's; added: over the floor's, or in all where
  # there is none. All at most, and nil for no goal.
  Goal = Struct.new(:share, :of_floor, :added, keyword_init: true)
  NONE = Goal.new.freeze

  def self.row(scenario, title, place: :here, floor: 'floor', count: 1000, **figures)
    Row.new(scenario: scenario, title: title, place: place, floor: floor, count: count, figures: figures).freeze
  end
  private_class_method :row

  HERE = [
    row('requires', 'require, beyond Rails', floor: nil, wall_us: Goal.new(added: 8000)),
    row('first_enqueue', 'first enqueue of a process', floor: nil, wall_us: Goal.new(share: 1.0 / 15)),
    row('warm_enqueue', 'perform_later, warm',
        wall_us: Goal.new(share: 1.0 / 7, of_floor: 1.3), cpu_us: Goal.new(share: 1.0 / 8)),
    row('enqueue_by_4_threads', 'perform_later, 4 threads, per job', floor: nil, wall_us: NONE, cpu_us: NONE),
    row('enqueue_by_16_threads', 'perform_later, 16 threads, per job', floor: nil, wall_us: NONE, cpu_us: NONE),
    row('large_enqueue', 'perform_later with 255 KB', count: 200, wall_us: NONE, cpu_us: NONE),
    row('bulk_enqueue', 'perform_all_later, per job of 1000', wall_us: Goal.new(share: 1.0 / 15), cpu_us: NONE),
    row('handler', 'handler, per message of a batch of 10', floor: 'null',
                                                            wall_us: Goal.new(share: 1.0 / 4), cpu_us: NONE),
    row('memory', 'memory after the first enqueue', floor: 'null',
                                                    rss_kb: Goal.new(added: 6 * 1024),
                                                    private_dirty_kb: Goal.new(added: 1.5 * 1024))
  ].freeze

  ELSEWHERE = %i[tls far small].flat_map do |place|
    count = { tls: 1000, far: 200, small: 200 }.fetch(place)
    [row('warm_enqueue', 'perform_later, warm', place: place, count: count, wall_us: NONE, cpu_us: NONE),
     row('bulk_enqueue', "perform_all_later, per job of #{count}", place: place, count: count, wall_us: NONE),
     row('handler', 'handler, per message of a batch of 10', place: place, floor: 'null', count: count,
                                                             wall_us: NONE)]
  end.freeze

  ALL = (HERE + ELSEWHERE).freeze
end
